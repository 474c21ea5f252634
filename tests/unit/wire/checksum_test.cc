// The Internet checksum against RFC 1071's example and against its own definition.
#include "dataplane/wire/checksum.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace kanmon::wire {
namespace {

// RFC 1071 section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
TEST(Checksum, ExampleOfRfc1071) {
  const std::vector<uint8_t> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(be(checksum(bytes)), static_cast<uint16_t>(~0xddf2));
}

// The definition, one big-endian word at a time.
uint16_t slow(const std::vector<uint8_t>& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

TEST(Checksum, AgreesWithTheDefinitionForAllLengths) {
  std::mt19937 rng(1071);
  for (size_t n = 0; n < 300; ++n) {
    std::vector<uint8_t> bytes(n);
    for (auto& b : bytes) b = static_cast<uint8_t>(rng());
    EXPECT_EQ(be(checksum(bytes)), slow(bytes)) << n;
  }
}

TEST(Checksum, AgreesWithTheDefinitionForAHeader) {
  std::mt19937 rng(791);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> bytes(20);
    for (auto& b : bytes) b = i % 4 == 0 && rng() % 4 != 0 ? 0xff : static_cast<uint8_t>(rng());
    ASSERT_EQ(be(checksum20(bytes.data())), slow(bytes)) << i;
  }
}

TEST(Checksum, AdjustEqualsRecomputation) {
  std::mt19937 rng(1624);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> bytes(20);
    for (auto& b : bytes) b = static_cast<uint8_t>(rng());
    if (i % 3 == 0) std::fill(bytes.begin(), bytes.end(), static_cast<uint8_t>(i % 2 ? 0xff : 0));
    const uint16_t old_sum = checksum(bytes);
    const unsigned at = rng() % 10 * 2;
    uint16_t before, after = static_cast<uint16_t>(rng());
    std::memcpy(&before, &bytes[at], 2);
    std::memcpy(&bytes[at], &after, 2);
    const uint16_t adjusted = checksum_adjust(old_sum, before, after);
    // Zero has two forms in one's complement; both verify.
    const auto same = [](uint16_t v) { return v == 0xffff ? 0 : v; };
    EXPECT_EQ(same(adjusted), same(checksum(bytes)));
  }
}

}  // namespace
}  // namespace kanmon::wire
