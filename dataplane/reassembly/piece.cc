#include "dataplane/reassembly/piece.h"

#include <algorithm>

#include "dataplane/wire/headers.h"
#include "dataplane/wire/reader.h"

namespace kanmon::reassembly {
namespace {

namespace ip4 = wire::ip4;

constexpr uint8_t kFragmentHeader = 44, kFragmentHeaderBytes = 8;
constexpr unsigned kMaxExtensions = 8;  // as classify walks
constexpr uint32_t kMaxDatagram = 65'535;

void read4(wire::Bytes packet, Piece& p) {
  const uint16_t field = load_be<uint16_t>(&packet[ip4::kFragment]);
  p.header = p.unfragmentable = static_cast<uint16_t>((packet[0] & 0x0f) * 4);
  p.key.version = 4;
  p.key.protocol = packet[ip4::kProtocol];
  p.key.id = load_be<uint16_t>(&packet[ip4::kId]);
  std::copy_n(&packet[ip4::kSource], 4, p.key.addresses.begin());
  std::copy_n(&packet[ip4::kDestination], 4, p.key.addresses.begin() + 16);
  p.start = (field & ip4::kOffsetMask) * 8u;
  p.last = (field & ip4::kMoreFragments) == 0;
}

// Walks to the fragment header; false without one.
bool read6(wire::Bytes packet, Piece& p) {
  wire::Reader r(packet);
  r.skip(wire::kIp6Header);
  p.next_at = wire::ip6::kNextHeader;
  for (unsigned n = 0; packet[p.next_at] != kFragmentHeader; ++n) {
    if (n == kMaxExtensions) return false;
    p.next_at = static_cast<uint16_t>(r.at());
    r.skip(1);
    r.skip(r.u8() * 8u + 6u);
    if (!r.ok()) return false;
  }
  p.unfragmentable = static_cast<uint16_t>(r.at());
  p.next = r.u8();
  r.skip(1);
  const uint16_t field = r.u16();
  p.key.id = r.u32();
  p.header = static_cast<uint16_t>(p.unfragmentable + kFragmentHeaderBytes);
  p.key.version = 6;
  std::copy_n(&packet[wire::ip6::kSource], 32, p.key.addresses.begin());
  p.start = field & 0xfff8u;
  p.last = (field & 1) == 0;
  return r.ok();
}

}  // namespace

bool read_piece(wire::Bytes packet, uint16_t table, Piece& p) {
  p = {};
  p.key.table = table;
  if (packet[0] >> 4 == 4) {
    read4(packet, p);
  } else if (!read6(packet, p)) {
    return false;
  }
  if (packet.size() <= p.header) return false;
  p.end = p.start + static_cast<uint32_t>(packet.size()) - p.header;
  if (!p.last && p.end % 8 != 0) return false;
  if (p.start == 0 && p.end < kLeastFirst) return false;
  return p.end + p.unfragmentable <= kMaxDatagram;
}

}  // namespace kanmon::reassembly
