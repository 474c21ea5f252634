#include "dataplane/decrypt/inner.h"

#include <cstring>

#include "dataplane/esp/ecn.h"
#include "dataplane/wire/checksum.h"

namespace kanmon::decrypt {

namespace {

void set_ecn4(uint8_t* ip, uint8_t bits) {
  uint16_t before, after, sum;
  std::memcpy(&before, ip, 2);
  ip[wire::ip4::kTos] = static_cast<uint8_t>((ip[wire::ip4::kTos] & ~3) | bits);
  std::memcpy(&after, ip, 2);
  std::memcpy(&sum, ip + wire::ip4::kChecksum, 2);
  sum = wire::checksum_adjust(sum, before, after);
  std::memcpy(ip + wire::ip4::kChecksum, &sum, 2);
}

// The traffic class lies across the first two octets; ECN is bits 5 and 4 of the second.
void set_ecn6(uint8_t* ip, uint8_t bits) {
  ip[1] = static_cast<uint8_t>((ip[1] & ~0x30) | bits << 4);
}

}  // namespace

uint8_t ecn_of(const uint8_t* ip) {
  return ip[0] >> 4 == 4 ? ip[wire::ip4::kTos] & 3 : ip[1] >> 4 & 3;
}

Drop combine_ecn(const uint8_t* outer, uint8_t* inner, Counter& unused_combinations) {
  const auto was = static_cast<esp::Ecn>(ecn_of(inner));
  const esp::EcnResult r = esp::ecn_decapsulated(was, static_cast<esp::Ecn>(ecn_of(outer)));
  if (r.unused) unused_combinations.add(1);
  if (r.drop) return Drop::kEcnIllegal;
  if (r.inner == was) return Drop::kNone;
  const auto bits = static_cast<uint8_t>(r.inner);
  inner[0] >> 4 == 4 ? set_ecn4(inner, bits) : set_ecn6(inner, bits);
  return Drop::kNone;
}

}  // namespace kanmon::decrypt
