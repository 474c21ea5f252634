#include "dataplane/reassembly/whole.h"

#include <cstring>

#include "dataplane/packet/pool.h"
#include "dataplane/packet/reshape.h"
#include "dataplane/reassembly/piece.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::reassembly {
namespace {

constexpr uint8_t kFragmentHeaderBytes = 8;
constexpr uint8_t kCe = 3;

uint8_t ecn_of(const uint8_t* ip) {
  return ip[0] >> 4 == 4 ? ip[wire::ip4::kTos] & 3 : ip[1] >> 4 & 3;
}

// RFC 3168 section 5.3: congestion met by any piece is the datagram's; one that cannot carry it is
// dropped.
bool combine_ecn(Packet* const* pieces, uint32_t count) {
  bool met = false, deaf = false;
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t ecn = ecn_of(data(pieces[i]));
    met |= ecn == kCe;
    deaf |= ecn == 0;
  }
  if (!met) return true;
  if (deaf) return false;
  uint8_t* ip = data(pieces[0]);
  ip[1] = static_cast<uint8_t>(ip[1] | (ip[0] >> 4 == 4 ? kCe : kCe << 4));
  return true;
}

void finish4(uint8_t* ip, uint32_t header, uint32_t total) {
  store_be(ip + wire::ip4::kTotalLength, static_cast<uint16_t>(total));
  std::memset(ip + wire::ip4::kFragment, 0, 2);
  std::memset(ip + wire::ip4::kChecksum, 0, 2);
  const uint16_t sum = wire::checksum({ip, header});
  std::memcpy(ip + wire::ip4::kChecksum, &sum, 2);
}

// The fragment header goes: what stands in front of it moves up.
void finish6(Packet* p, const Piece& first) {
  data(p)[first.next_at] = first.next;
  std::memmove(data(p) + kFragmentHeaderBytes, data(p), first.unfragmentable);
  strip(p, kFragmentHeaderBytes);
  store_be(data(p) + wire::ip6::kPayloadLength,
           static_cast<uint16_t>(length(p) - wire::kIp6Header));
}

bool append_all(Packet* whole, Packet* const* later, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    Piece piece;
    if (!read_piece(bytes(later[i]), 0, piece)) return false;
    const wire::Bytes payload = bytes(later[i]).subspan(piece.header);
    if (tailroom(whole) < payload.size()) return false;
    std::memcpy(append(whole, static_cast<uint16_t>(payload.size())), payload.data(),
                payload.size());
  }
  return true;
}

}  // namespace

Packet* make_whole(Context& context, Packet* const* pieces, uint32_t count) {
  Packet* whole = pieces[0];
  Piece first;
  Drop why = Drop::kNone;
  if (!read_piece(bytes(whole), 0, first) || !append_all(whole, pieces + 1, count - 1))
    why = Drop::kFragmentTooLong;
  else if (!combine_ecn(pieces, count))
    why = Drop::kFragmentBad;
  for (uint32_t i = 1; i < count; ++i)
    context.drop(pieces[i], why == Drop::kNone ? Drop::kFragmentJoined : why);
  if (why != Drop::kNone) {
    context.drop(whole, why);
    return nullptr;
  }
  if (first.key.version == 4) {
    finish4(data(whole), first.header, length(whole));
  } else {
    finish6(whole, first);
  }
  return whole;
}

}  // namespace kanmon::reassembly
