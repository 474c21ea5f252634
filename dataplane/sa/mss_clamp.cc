#include "dataplane/sa/mss_clamp.h"

#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/sa/selectors.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::sa {

namespace {

constexpr std::size_t kTcpHeader = 20, kDataOffset = 12, kFlags = 13, kChecksum = 16;
constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kOptionEnd = 0, kOptionNop = 1, kOptionMss = 2, kMssOptionBytes = 4;

// Where the value of the MSS option lies, or 0.
std::size_t find_mss(wire::Bytes tcp, std::size_t header) {
  std::size_t at = kTcpHeader;
  while (at < header) {
    const uint8_t kind = tcp[at];
    if (kind == kOptionEnd) return 0;
    if (kind == kOptionNop) {
      ++at;
      continue;
    }
    if (header - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > header - at) return 0;
    if (kind == kOptionMss) return tcp[at + 1] == kMssOptionBytes ? at + 2 : 0;
    at += tcp[at + 1];
  }
  return 0;
}

// Stores `value` at `at` of `tcp`. A value at an odd offset lies across two checksum words, which
// sums as if its octets were swapped (RFC 1071 section 2).
void replace(uint8_t* tcp, std::size_t at, uint16_t value) {
  uint16_t before, after, sum;
  std::memcpy(&before, tcp + at, 2);
  store_be(tcp + at, value);
  std::memcpy(&after, tcp + at, 2);
  if (at % 2 != 0) {
    before = byteswap(before);
    after = byteswap(after);
  }
  std::memcpy(&sum, tcp + kChecksum, 2);
  sum = wire::checksum_adjust(sum, before, after);
  std::memcpy(tcp + kChecksum, &sum, 2);
}

}  // namespace

bool clamp_mss(wire::MutableBytes tcp, uint16_t mss) {
  if (tcp.size() < kTcpHeader || (tcp[kFlags] & kSyn) == 0) return false;
  const std::size_t header = (tcp[kDataOffset] >> 4) * std::size_t{4};
  if (header < kTcpHeader || header > tcp.size()) return false;
  const std::size_t at = find_mss(tcp, header);
  if (at == 0 || load_be<uint16_t>(&tcp[at]) <= mss) return false;
  replace(tcp.data(), at, mss);
  return true;
}

void clamp_packet(wire::MutableBytes packet, uint16_t mss4, uint16_t mss6) {
  UpperLayer upper;
  if (!find_upper_layer(packet, upper)) return;
  if (upper.protocol != wire::kProtocolTcp || !upper.first_fragment) return;
  const uint16_t mss = packet[0] >> 4 == 4 ? mss4 : mss6;
  if (mss != 0) clamp_mss(packet.subspan(upper.offset), mss);
}

}  // namespace kanmon::sa
