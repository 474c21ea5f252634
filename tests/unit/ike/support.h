// What the tests of control/ike's wire, crypto and negotiation share.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "control/ike/crypto/random.h"
#include "control/ike/types.h"
#include "control/ike/wire/chain.h"
#include "control/ike/wire/header.h"
#include "control/ike/wire/message.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// Octets of hex digits; blanks between them are ignored.
inline Octets hex(std::string_view text) {
  Octets out;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return out;
}

inline Octets octets(wire::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

// Seeded: a failure comes again.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(engine_() % n); }
  void fill(wire::MutableBytes out) {
    for (uint8_t& octet : out) octet = static_cast<uint8_t>(engine_());
  }
  Octets take(std::size_t n) {
    Octets out(n);
    fill(out);
    return out;
  }
  RandomFn fn() {
    return [this](wire::MutableBytes out) { fill(out); };
  }

 private:
  std::mt19937_64 engine_;
};

inline wire::IpAddress ip(std::string_view text) {
  return wire::IpAddress::parse(text).value();
}
inline sa::Selector net(std::string_view prefix) {
  return sa::Selector::of(wire::Prefix::parse(prefix).value());
}

inline Header header_of(ExchangeType exchange, bool response = false, uint32_t id = 0) {
  Header h;
  h.spi_initiator = 0x1122334455667788;
  h.spi_responder = exchange == ExchangeType::kIkeSaInit && !response ? 0 : 0x99aabbccddeeff00;
  h.exchange = exchange;
  h.initiator = !response;
  h.response = response;
  h.message_id = id;
  return h;
}

// A message's payloads; the message must be well-formed so far.
inline Verdict chain_of(wire::Bytes message, Chain& chain) {
  return parse_chain(message.subspan(kHeaderBytes), parse_header(message).value().next, chain);
}

// A cipher with keys that count up from `start`.
inline SkCipher cipher_of(uint16_t encryption, uint16_t key_bits, uint16_t integrity,
                          uint8_t start = 1) {
  Secret e(encryption_key_bytes(encryption, key_bits));
  Secret a(integrity == 12 ? 32 : integrity == 13 ? 48 : integrity == 14 ? 64 : 0);
  for (uint8_t& octet : e.mutable_bytes()) octet = start++;
  for (uint8_t& octet : a.mutable_bytes()) octet = start++;
  return SkCipher::make(encryption, key_bits, integrity, std::move(e), std::move(a)).value();
}

}  // namespace kanmon::ike
