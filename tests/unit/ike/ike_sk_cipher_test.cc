// SK and SKF protection (IKE-04) against messages sealed by make_vectors.py, and every way to
// damage them.
#include <set>

#include <gtest/gtest.h>

#include "control/ike/crypto/prf.h"
#include "control/ike/crypto/sk_cipher.h"
#include "control/ike/wire/constants.h"
#include "tests/unit/ike/support.h"
#include "tests/unit/ike/vectors.h"

namespace kanmon::ike {
namespace {

class Sealed : public ::testing::TestWithParam<vectors::Sealed> {
 protected:
  const vectors::Sealed& v = GetParam();
  SkCipher cipher =
      SkCipher::make(static_cast<uint16_t>(v.encryption), static_cast<uint16_t>(v.key_bits),
                     static_cast<uint16_t>(v.integrity), Secret(hex(v.key)),
                     Secret(hex(v.integrity_key)))
          .value();
  Octets message = hex(v.message);
  Octets plain = hex(v.plain);
};

TEST_P(Sealed, Opens) {
  const auto opened = cipher.open(message, v.body_at);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(*opened, plain);
}

TEST_P(Sealed, SealsToTheSameOctets) {
  Octets ours(message.begin(), message.begin() + v.body_at);
  ours.resize(v.body_at + cipher.sealed_bytes(plain.size()));
  ASSERT_EQ(ours.size(), message.size());
  std::copy(plain.begin(), plain.end(),
            ours.begin() + v.body_at + static_cast<long>(cipher.iv_bytes()));
  const Octets iv = hex(v.iv);
  const auto give_iv = [&iv](wire::MutableBytes out) {
    ASSERT_EQ(out.size(), iv.size());
    std::copy(iv.begin(), iv.end(), out.begin());
  };
  ASSERT_TRUE(cipher.seal(ours, v.body_at, plain.size(), give_iv).ok());
  EXPECT_EQ(ours, message);
}

TEST_P(Sealed, EveryBitIsProtected) {
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Octets bad = message;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto opened = cipher.open(bad, v.body_at);
    ASSERT_FALSE(opened.ok()) << bit;
    ASSERT_EQ(opened.error().code, Errc::kAuthFailed) << bit;
  }
}

TEST_P(Sealed, EveryTruncationFails) {
  for (std::size_t size = 0; size < message.size(); ++size)
    ASSERT_FALSE(cipher.open(wire::Bytes(message).first(size), v.body_at).ok()) << size;
  Octets longer = message;
  longer.push_back(0);
  EXPECT_FALSE(cipher.open(longer, v.body_at).ok());
  EXPECT_FALSE(cipher.open(message, message.size() + 1).ok());
}

TEST_P(Sealed, AnotherKeyFails) {
  auto other = cipher_of(static_cast<uint16_t>(v.encryption), static_cast<uint16_t>(v.key_bits),
                         static_cast<uint16_t>(v.integrity));
  EXPECT_EQ(other.open(message, v.body_at).error().code, Errc::kAuthFailed);
}

INSTANTIATE_TEST_SUITE_P(Vectors, Sealed, ::testing::ValuesIn(vectors::kSealed),
                         [](const auto& row) {
                           std::string name = row.param.name;
                           std::erase(name, '-');
                           return name;
                         });

struct Suite {
  uint16_t encryption, key_bits, integrity;
};
constexpr Suite kSuites[] = {
    {12, 128, 12}, {12, 256, 13}, {12, 256, 14}, {20, 128, 0}, {20, 256, 0}};

class Cipher : public ::testing::TestWithParam<Suite> {
 protected:
  SkCipher cipher = cipher_of(GetParam().encryption, GetParam().key_bits, GetParam().integrity);
  Dice dice{7296};

  Octets sealed(wire::Bytes plain, std::size_t body_at = 32) {
    Octets m = dice.take(body_at + cipher.sealed_bytes(plain.size()));
    std::copy(plain.begin(), plain.end(),
              m.begin() + static_cast<long>(body_at + cipher.iv_bytes()));
    EXPECT_TRUE(cipher.seal(m, body_at, plain.size(), dice.fn()).ok());
    return m;
  }
};

TEST_P(Cipher, EverySizeComesBack) {
  for (std::size_t n = 0; n < 70; ++n) {
    const Octets plain = dice.take(n);
    const auto opened = cipher.open(sealed(plain), 32);
    ASSERT_TRUE(opened.ok()) << n;
    EXPECT_EQ(*opened, plain);
  }
}

TEST_P(Cipher, PlainRoomIsTheMostThatFits) {
  for (std::size_t room = 0; room < 300; ++room) {
    const std::size_t n = cipher.plain_room(room);
    EXPECT_TRUE(n == 0 || cipher.sealed_bytes(n) <= room);
    EXPECT_GT(cipher.sealed_bytes(n + 1), room);
  }
}

// A GCM IV used twice gives the key away; a CBC IV must come from the generator.
TEST_P(Cipher, IvsNeverRepeat) {
  std::set<Octets> seen;
  for (int i = 0; i < 1000; ++i) {
    const Octets m = sealed(hex("00"));
    seen.insert(octets(wire::Bytes(m).subspan(32, cipher.iv_bytes())));
  }
  EXPECT_EQ(seen.size(), 1000u);
}

TEST_P(Cipher, SizesThatDisagreeAreRefused) {
  Octets m(32 + cipher.sealed_bytes(5));
  EXPECT_EQ(cipher.seal(m, 32, 500, dice.fn()).error().code, Errc::kBadLength);
  EXPECT_EQ(cipher.seal(m, 33, 5, dice.fn()).error().code, Errc::kBadLength);
  EXPECT_EQ(cipher.seal(m, m.size() + 1, 5, dice.fn()).error().code, Errc::kBadLength);
  Octets huge(kMaxMessageBytes + 1);
  EXPECT_EQ(cipher.open(huge, 32).error().code, Errc::kBadLength);
}

INSTANTIATE_TEST_SUITE_P(All, Cipher, ::testing::ValuesIn(kSuites));

// RFC 7296 section 3.14: any padding the sender likes. Here an authentic message gets every pad
// length there is.
TEST(SkCipher, PaddingIsTheSendersChoiceAndJudgedAfterTheIcv) {
  auto cipher = cipher_of(12, 128, 12);
  Dice dice(3);
  for (unsigned pad = 0; pad <= 255; ++pad) {
    Octets m(32 + 16 + 32 + 16);
    ASSERT_TRUE(cipher.seal(m, 32, 16, dice.fn()).ok());  // 16 content, 15 padding, 1 length
    // In CBC, flipping a bit of the first block flips that bit of the second one's plaintext.
    m[32 + 16 + 15] ^= static_cast<uint8_t>(15 ^ pad);
    Octets key(32);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(17 + i);
    ASSERT_TRUE(
        integrity(12, key, wire::Bytes(m).first(m.size() - 16), wire::MutableBytes(m).last(16))
            .ok());
    const auto opened = cipher.open(m, 32);
    ASSERT_EQ(opened.ok(), pad <= 31) << pad;
    EXPECT_TRUE(opened.ok() ? opened->size() == 31 - pad : opened.error().code == Errc::kBadLength);
  }
}

TEST(SkCipher, RefusesTransformsAndKeysItDoesNotHave) {
  const auto make = [](uint16_t e, uint16_t bits, uint16_t i, std::size_t ek, std::size_t ik) {
    return SkCipher::make(e, bits, i, Secret(ek), Secret(ik));
  };
  EXPECT_TRUE(make(20, 128, 0, 20, 0).ok());
  EXPECT_EQ(make(20, 128, 12, 20, 32).error().code, Errc::kUnsupported);  // AEAD takes no MAC
  EXPECT_EQ(make(20, 128, 99, 20, 0).error().code, Errc::kUnsupported);
  EXPECT_EQ(make(12, 128, 0, 16, 0).error().code, Errc::kUnsupported);  // CBC needs one
  EXPECT_EQ(make(12, 192, 12, 24, 32).error().code, Errc::kUnsupported);
  EXPECT_EQ(make(20, 128, 0, 16, 0).error().code, Errc::kBadLength);  // no salt
  EXPECT_EQ(make(12, 128, 12, 16, 20).error().code, Errc::kBadLength);
  EXPECT_EQ(make(12, 128, 12, 32, 32).error().code, Errc::kBadLength);
}

TEST(SkCipher, AnEmptyOneFails) {
  SkCipher none;
  Octets m(100);
  Dice dice(1);
  EXPECT_EQ(none.open(m, 32).error().code, Errc::kUnsupported);
  EXPECT_EQ(none.seal(m, 32, 10, dice.fn()).error().code, Errc::kUnsupported);
}

TEST(SkCipher, OnlyTheTransformsOfTheTable) {
  std::set<std::pair<unsigned, unsigned>> found;
  for (unsigned id = 0; id <= 0xffff; ++id)
    for (const uint16_t bits : {0, 128, 192, 256, 65535})
      if (encryption_key_bytes(static_cast<uint16_t>(id), bits) != 0) found.insert({id, bits});
  const std::set<std::pair<unsigned, unsigned>> wanted{{12, 128}, {12, 256}, {20, 128}, {20, 256}};
  EXPECT_EQ(found, wanted);
}

}  // namespace
}  // namespace kanmon::ike
