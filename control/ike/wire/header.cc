#include "control/ike/wire/header.h"

#include "dataplane/wire/reader.h"

namespace kanmon::ike {
namespace {

//                       1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  |                       IKE SA Initiator's SPI                  |
//  |                       IKE SA Responder's SPI                  |
//  |  Next Payload | MjVer | MnVer | Exchange Type | X X R V I X X X |
//  |                          Message ID                           |
//  |                            Length                             |
constexpr uint8_t kFlagInitiator = 0x08;
constexpr uint8_t kFlagResponse = 0x20;
constexpr uint32_t kLengthAt = 24;

}  // namespace

Result<Header> parse_header(wire::Bytes datagram) {
  wire::Reader r(datagram);
  Header h;
  h.spi_initiator = r.u64();
  h.spi_responder = r.u64();
  h.next = static_cast<PayloadType>(r.u8());
  const uint8_t version = r.u8();
  h.major = version >> 4;
  h.minor = version & 0xf;
  h.exchange = static_cast<ExchangeType>(r.u8());
  const uint8_t flags = r.u8();
  h.initiator = (flags & kFlagInitiator) != 0;
  h.response = (flags & kFlagResponse) != 0;
  h.message_id = r.u32();
  h.length = r.u32();
  if (!r.ok()) return r.truncated();
  if (h.length != datagram.size()) return Error{Errc::kBadLength, kLengthAt};
  if (h.spi_initiator == 0) return Error{Errc::kBadValue, 0};
  return h;
}

void write_header(wire::Writer& w, const Header& h) {
  w.u64(h.spi_initiator);
  w.u64(h.spi_responder);
  w.u8(static_cast<uint8_t>(h.next));
  w.u8(static_cast<uint8_t>(h.major << 4 | (h.minor & 0xf)));
  w.u8(static_cast<uint8_t>(h.exchange));
  w.u8(static_cast<uint8_t>((h.initiator ? kFlagInitiator : 0) | (h.response ? kFlagResponse : 0)));
  w.u32(h.message_id);
  w.u32(h.length);
}

}  // namespace kanmon::ike
