#include "dataplane/local/fragment.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/packet/pool.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon {
namespace {

namespace ip4 = wire::ip4;

constexpr uint8_t kEndOfOptions = 0, kNoOperation = 1, kCopiedFlag = 0x80;
// 65,535 octets at the smallest useful MTU are more: such a packet is not split here.
constexpr uint32_t kMaxFragments = 64;

// A header for fragments beyond the first: only options with the copied flag are kept.
struct Header {
  std::array<uint8_t, 60> octets{};
  uint8_t length = wire::kIp4Header;
};

Header later_header(wire::Bytes first) {
  Header h;
  std::copy_n(first.begin(), wire::kIp4Header, h.octets.begin());
  for (std::size_t at = wire::kIp4Header; at < first.size();) {
    const uint8_t type = first[at];
    if (type == kEndOfOptions) break;
    const std::size_t left = first.size() - at;
    const std::size_t n = type == kNoOperation ? 1 : left < 2 ? left : first[at + 1];
    if (n == 0 || n > left) break;  // malformed: what follows cannot be read
    if ((type & kCopiedFlag) != 0) {
      std::copy_n(first.begin() + static_cast<std::ptrdiff_t>(at), n, h.octets.begin() + h.length);
      h.length = static_cast<uint8_t>(h.length + n);
    }
    at += n;
  }
  h.length = static_cast<uint8_t>((h.length + 3) / 4 * 4);  // padded with end-of-options: zero
  h.octets[0] = static_cast<uint8_t>(0x40 | h.length / 4);
  return h;
}

void finish_header(uint8_t* header, uint16_t header_length, uint16_t total, uint16_t fragment) {
  store_be<uint16_t>(header + ip4::kTotalLength, total);
  store_be<uint16_t>(header + ip4::kFragment, fragment);
  std::memset(header + ip4::kChecksum, 0, 2);
  const uint16_t sum = wire::checksum({header, header_length});
  std::memcpy(header + ip4::kChecksum, &sum, sizeof sum);
}

// How the payload is cut.
struct Plan {
  uint16_t header;        // octets of the first fragment's header
  uint16_t first;         // octets of payload in the first fragment …
  uint16_t later;         // … and at most in each other; multiples of eight
  uint16_t payload;       // of all
  uint16_t offset_flags;  // the packet's own, in units of eight octets
  uint32_t more;          // fragments beyond the first
};

Plan plan(wire::Bytes packet, const Header& later, uint16_t mtu) {
  Plan c{};
  c.header = static_cast<uint16_t>((packet[0] & 0x0f) * 4);
  c.payload = static_cast<uint16_t>(packet.size() - c.header);
  c.offset_flags = load_be<uint16_t>(&packet[ip4::kFragment]);
  if (mtu < c.header + 8) return c;
  c.first = static_cast<uint16_t>((mtu - c.header) / 8 * 8);
  c.later = static_cast<uint16_t>((mtu - later.length) / 8 * 8);
  c.more = (c.payload - c.first + c.later - 1u) / c.later;
  return c;
}

void fill_later(Packet* f, const Packet* whole, const Header& h, const Plan& c, uint32_t at) {
  const uint32_t n = std::min<uint32_t>(c.later, c.payload - at);
  const bool last = at + n == c.payload;
  const auto total = static_cast<uint16_t>(h.length + n);
  uint8_t* out = append(f, total);
  std::memcpy(out, h.octets.data(), h.length);
  std::memcpy(out + h.length, data(whole) + c.header + at, n);
  const uint16_t more = last ? c.offset_flags & ip4::kMoreFragments : ip4::kMoreFragments;
  const auto offset = static_cast<uint16_t>((c.offset_flags & ip4::kOffsetMask) + at / 8);
  finish_header(out, h.length, total, static_cast<uint16_t>(more | offset));
  meta(f) = meta(whole);
}

}  // namespace

bool fragment4(Context& context, Packet* p, uint16_t mtu, PacketVector& out) {
  const wire::Bytes packet = bytes(p);
  const Header later = later_header(packet.first((packet[0] & 0x0fu) * 4u));
  const Plan c = plan(packet, later, mtu);
  if (c.more == 0 || c.more > kMaxFragments || out.count + c.more + 1 > PacketVector::kRoom)
    return false;
  Packet* made[kMaxFragments];
  if (!allocate_all(context.pool, made, c.more)) return false;
  out.push(p);
  for (uint32_t i = 0; i < c.more; ++i) {
    fill_later(made[i], p, later, c, c.first + i * c.later);
    out.push(made[i]);
  }
  const auto total = static_cast<uint16_t>(c.header + c.first);
  cut(p, total);
  finish_header(data(p), c.header, total,
                static_cast<uint16_t>((c.offset_flags & ip4::kOffsetMask) | ip4::kMoreFragments));
  context.counters->generated.add(c.more);
  return true;
}

}  // namespace kanmon
