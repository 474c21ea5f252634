// ESP packets built with OpenSSL and by hand: the peer of the tests, which may also misbehave in
// ways no real stack would, under the right key.
#pragma once

#include <optional>

#include "tests/support/esp_bed.h"

namespace kanmon::test {

// What stands around a text; everything not given is right.
struct ForgeSpec {
  uint64_t sequence = 1;
  uint8_t outer_class = 0;
  std::optional<uint32_t> spi{};
  uint64_t iv = 0;                         // 0: as the sequence number; of CBC a pattern by this
  std::optional<Octets> cbc_iv{};          // instead of that pattern
  std::optional<uint64_t> aad_sequence{};  // ESN: the high word authenticated
  const char* source = nullptr;            // outer source, default the tunnel's
  const char* destination = nullptr;
  uint16_t source_port = 4500;
};

// The outer packet whose ESP text (payload, padding, trailer) is `text`, sealed with the tunnel's
// key. `text` need not be sensible, and aligned for CBC only (what is beyond is cut).
Octets forge(const TunnelSpec& tunnel, const Octets& text, const ForgeSpec& spec = {});

// `inner` with `pad` octets of right padding and the trailer.
Octets with_trailer(Octets inner, std::size_t pad, uint8_t next_header);
// The same with the least padding that aligns it.
Octets with_trailer(const Octets& inner, uint8_t next_header);

// forge() of an inner packet, everything right.
Octets forge_packet(const TunnelSpec& tunnel, const Octets& inner, const ForgeSpec& spec = {});

}  // namespace kanmon::test
