// The limit is one only if it really seals: what it sealed it must open again.
#include <vector>

#include <gtest/gtest.h>

#include "bench/harness/raw_crypto.h"

namespace kanmon::bench {
namespace {

constexpr std::size_t kRoom = 2048, kFront = 64;

void expect_round_trip(const esp::AlgorithmInfo& info, bool encrypts) {
  RawCrypto seal(info, 3, true), open(info, 3, false);
  ASSERT_TRUE(seal.ok()) << info.name;
  ASSERT_TRUE(open.ok()) << info.name;
  constexpr uint32_t kTexts = 64;
  std::vector<uint8_t> before(kTexts * kRoom);
  for (std::size_t i = 0; i < before.size(); ++i)
    before[i] = static_cast<uint8_t>(i * 11 + i / 256);
  std::vector<uint8_t> room = before;
  std::vector<RawText> texts;
  for (uint32_t i = 0; i < kTexts; ++i)
    texts.push_back({room.data() + i * kRoom + kFront, 64 + i * 16, i % 3});
  for (const uint32_t n : {1u, 4u, 32u, 64u}) {
    seal.run(texts.data(), n);
    for (uint32_t i = 0; i < n; ++i) {
      const std::size_t at = i * kRoom + kFront;
      EXPECT_EQ(std::equal(texts[i].text, texts[i].text + 64, before.data() + at), !encrypts)
          << info.name << " text " << i << " of " << n;
    }
    open.run(texts.data(), n);
    EXPECT_EQ(room, before) << info.name << " burst " << n;
  }
}

TEST(RawCrypto, OpensWhatItSealedForEveryAlgorithmOfTheTable) {
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms) expect_round_trip(a, a.encr_id != 11);
}

// Ids of IANA's registries: 12 AES-CBC, 28 ChaCha20-Poly1305; 2 SHA-1, 12 … 14 SHA-2.
esp::AlgorithmInfo row(uint16_t encr, uint16_t integ, uint16_t bits, uint8_t integ_key) {
  esp::AlgorithmInfo a{};
  a.name = "a row of the test's";
  a.encr_id = encr;
  a.integ_id = integ;
  a.encr_key_bits = bits;
  a.encr_key_bytes = static_cast<uint8_t>(bits / 8);
  a.integ_key_bytes = integ_key;
  return a;
}

TEST(RawCrypto, KnowsTheOtherTransformsOfEsp) {
  for (const uint16_t bits : {128, 256}) {
    expect_round_trip(row(12, 2, bits, 20), true);
    expect_round_trip(row(12, 12, bits, 32), true);
    expect_round_trip(row(12, 13, bits, 48), true);
    expect_round_trip(row(12, 14, bits, 64), true);
  }
  expect_round_trip(row(28, 0, 256, 0), true);
  expect_round_trip(row(11, 12, 0, 32), false);
}

TEST(RawCrypto, SaysWhatItDoesNotKnow) {
  EXPECT_FALSE(RawCrypto(row(99, 0, 128, 0), 1, true).ok());
  EXPECT_FALSE(RawCrypto(row(12, 0, 128, 0), 1, true).ok());
}

}  // namespace
}  // namespace kanmon::bench
