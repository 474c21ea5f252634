#include "dataplane/local/fragment_outer.h"

#include <algorithm>
#include <cstring>

#include "dataplane/local/fragment.h"
#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon {
namespace {

constexpr uint8_t kFragmentHeader = 44, kFragmentHeaderBytes = 8;
constexpr uint32_t kMaxFragments = 64;

void clear_df(uint8_t* ip) {
  std::memset(ip + wire::ip4::kFragment, 0, 2);
  std::memset(ip + wire::ip4::kChecksum, 0, 2);
  const uint16_t sum = wire::checksum({ip, wire::kIp4Header});
  std::memcpy(ip + wire::ip4::kChecksum, &sum, 2);
}

// What tells one fragmented packet of ours from another: ESP's sequence number, behind UDP or not.
uint32_t id_of(wire::Bytes packet) {
  const bool udp = packet[wire::ip6::kNextHeader] == wire::kProtocolUdp;
  return load_be<uint32_t>(&packet[wire::kIp6Header + (udp ? wire::kUdpHeader : 0u) + 4u]);
}

// The 48 octets in front of a fragment's payload.
void put_head6(uint8_t* out, const uint8_t* ip, uint32_t id, uint32_t at, uint32_t n, bool last) {
  const uint8_t next = ip[wire::ip6::kNextHeader];
  std::memmove(out, ip, wire::kIp6Header);
  out[wire::ip6::kNextHeader] = kFragmentHeader;
  store_be(out + wire::ip6::kPayloadLength, static_cast<uint16_t>(kFragmentHeaderBytes + n));
  uint8_t* h = out + wire::kIp6Header;
  h[0] = next;
  h[1] = 0;
  store_be(h + 2, static_cast<uint16_t>(at | (last ? 0u : 1u)));
  store_be(h + 4, id);
}

bool fragment6(Context& context, Packet* p, uint16_t mtu, PacketVector& out) {
  const uint32_t payload = length(p) - wire::kIp6Header;
  const uint32_t each = (mtu - wire::kIp6Header - kFragmentHeaderBytes) / 8u * 8u;
  const uint32_t more = (payload - 1) / each;
  if (more > kMaxFragments || out.count + more + 1 > PacketVector::kRoom) return false;
  if (headroom(p) < kFragmentHeaderBytes) return false;
  Packet* made[kMaxFragments];
  if (!allocate_all(context.pool, made, more)) return false;
  const uint32_t id = id_of(bytes(p));
  out.push(p);
  for (uint32_t i = 0; i < more; ++i) {
    const uint32_t at = (i + 1) * each, n = std::min(each, payload - at);
    uint8_t* f =
        append(made[i], static_cast<uint16_t>(wire::kIp6Header + kFragmentHeaderBytes + n));
    put_head6(f, data(p), id, at, n, at + n == payload);
    std::memcpy(f + wire::kIp6Header + kFragmentHeaderBytes, data(p) + wire::kIp6Header + at, n);
    meta(made[i]) = meta(p);
    out.push(made[i]);
  }
  cut(p, static_cast<uint16_t>(wire::kIp6Header + each));
  const uint8_t* ip = data(p);
  put_head6(prepend(p, kFragmentHeaderBytes), ip, id, 0, each, false);
  context.counters->generated.add(more);
  return true;
}

}  // namespace

bool fragment_outer(Context& context, Packet* p, uint16_t mtu, PacketVector& out) {
  if (length(p) <= mtu) {
    out.push(p);
    return true;
  }
  if (data(p)[0] >> 4 == 6) return fragment6(context, p, mtu, out);
  clear_df(data(p));
  return fragment4(context, p, mtu, out);
}

}  // namespace kanmon
