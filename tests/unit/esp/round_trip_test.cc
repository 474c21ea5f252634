#include <gtest/gtest.h>

#include "tests/support/esp_bed.h"

namespace kanmon::test {
namespace {

// ESP-35: what one end seals the other opens, for every pair of families, both encapsulations,
// both key lengths, with and without extended sequence numbers.
TEST(RoundTrip, EveryCombination) {
  EspBed bed;
  uint32_t tunnel = 0;
  for (const auto algorithm : {esp::Algorithm::kAes128Gcm16, esp::Algorithm::kAes256Gcm16})
    for (const bool outer6 : {false, true})
      for (const bool udp : {false, true})
        for (const bool esn : {false, true}) {
          TunnelSpec t;
          t.algorithm = algorithm;
          t.outer6 = outer6;
          t.udp = udp;
          t.esn = esn;
          t.tunnel = ++tunnel;
          t.spi = 0x20000000 + tunnel;
          ASSERT_NE(add_tunnel(bed, t).in, nullptr);
          for (const bool v6 : {false, true})
            for (std::size_t bytes = 48; bytes < 1400; bytes += 53) {
              const Octets inner = inner_packet({.v6 = v6, .bytes = bytes});
              const Octets sealed = bed.encrypt_one(inner, tunnel);
              ASSERT_FALSE(sealed.empty());
              EXPECT_EQ(bed.decrypt_one(sealed), inner);
            }
        }
  EXPECT_EQ(bed.dropped_in_all(), 0u);
  EXPECT_EQ(bed.packets_out(), 0u);
}

}  // namespace
}  // namespace kanmon::test
