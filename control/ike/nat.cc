#include "control/ike/nat.h"

#include <algorithm>

#include "control/ike/crypto/sha1.h"
#include "control/ike/wire/payloads.h"
#include "dataplane/wire/writer.h"

namespace kanmon::ike {
namespace {

// Several source hashes may come from a host that does not know its address (2.23).
struct Count {
  bool any = false;
  bool match = false;
};

Count look_for(const Chain& chain, NotifyType type, const NatHash& wanted) {
  Count count;
  for (const Payload& p : chain.payloads()) {
    if (p.type != PayloadType::kNotify) continue;
    const auto n = parse_notify(p.body);
    if (!n.ok() || n->type != type) continue;
    count.any = true;
    count.match |= std::equal(n->data.begin(), n->data.end(), wanted.begin(), wanted.end());
  }
  return count;
}

}  // namespace

Result<NatHash> nat_hash(uint64_t spi_initiator, uint64_t spi_responder,
                         const wire::Endpoint& endpoint) {
  std::array<uint8_t, 8 + 8 + 16 + 2> room;
  wire::Writer w(room);
  w.u64(spi_initiator);
  w.u64(spi_responder);
  w.put(endpoint.address.bytes());
  w.u16(endpoint.port);
  return sha1(w.written());
}

NatHash nat_hash_of_nothing(uint64_t spi_initiator) {
  NatHash hash;
  hash.fill(0xff);
  // Not the same octets for every SA: a middlebox must not learn to know them.
  store_be(hash.data(), ~spi_initiator);
  return hash;
}

NatFinding detect_nat(const Chain& chain, uint64_t spi_initiator, uint64_t spi_responder,
                      const wire::Endpoint& local, const wire::Endpoint& remote) {
  const auto here = nat_hash(spi_initiator, spi_responder, local);
  const auto there = nat_hash(spi_initiator, spi_responder, remote);
  if (!here.ok() || !there.ok()) return {};
  const Count source = look_for(chain, NotifyType::kNatDetectionSourceIp, *there);
  const Count destination = look_for(chain, NotifyType::kNatDetectionDestinationIp, *here);
  if (!source.any || !destination.any) return {};
  return {true, !destination.match, !source.match};
}

}  // namespace kanmon::ike
