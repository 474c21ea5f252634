// The layout of an ESP datagram (RFC 4303 section 2): what follows the IP or UDP header.
#pragma once

#include <cstdint>

#include "dataplane/common/byteorder.h"
#include "dataplane/common/result.h"
#include "dataplane/esp/algorithm.h"
#include "dataplane/esp/trailer.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::esp {

inline constexpr uint32_t kHeaderBytes = 8;  // SPI, low word of the sequence number

// SPI and sequence number, host order.
struct Header {
  uint32_t spi;
  uint32_t sequence_low;
};

// REQUIRES: kHeaderBytes at `esp`.
inline Header read_header(const uint8_t* esp) {
  return {load_be<uint32_t>(esp), load_be<uint32_t>(esp + 4)};
}

inline void write_header(uint8_t* esp, Header h) {
  store_be(esp, h.spi);
  store_be(esp + 4, h.sequence_low);
}

// Octets of a datagram that are neither text nor padding.
constexpr uint32_t overhead_bytes(const AlgorithmInfo& a) {
  return kHeaderBytes + a.iv_bytes + a.icv_bytes;
}

// The ciphertext of a datagram of `datagram` octets. Says only that the lengths add up.
// Errors: kTruncated (no room for the smallest text), kBadAlign (section 2.4).
inline Result<uint32_t> text_bytes(uint32_t datagram, const AlgorithmInfo& a) {
  const uint32_t least = kTrailerBytes + pad_bytes(0, a.align);
  if (datagram < overhead_bytes(a) + least) return Errc::kTruncated;
  const uint32_t text = datagram - overhead_bytes(a);
  if ((text & (a.align - 1u)) != 0) return Error{Errc::kBadAlign, kHeaderBytes + a.iv_bytes};
  return text;
}

// The additional authenticated data: SPI and the sequence number as 32 or, with extended sequence
// numbers, 64 bits (RFC 4106 section 5). Writes up to 12 octets, returns how many count.
inline uint16_t write_aad(uint8_t* aad, uint32_t spi, uint64_t sequence, bool esn) {
  store_be(aad, spi);
  if (!esn) {
    store_be(aad + 4, static_cast<uint32_t>(sequence));
    return 8;
  }
  store_be(aad + 4, sequence);
  return 12;
}

}  // namespace kanmon::esp
