// Diffie-Hellman (IKE-06): known answers of RFC 5903, RFC 7748 and RFC 3526, and every value a peer
// must not get away with.
#include <algorithm>

#include <gtest/gtest.h>

#include "control/ike/crypto/dh.h"
#include "tests/unit/ike/support.h"
#include "tests/unit/ike/vectors.h"

namespace kanmon::ike {
namespace {

constexpr uint16_t kGroups[] = {14, 19, 20, 31};

struct Known {
  const char* name;
  uint16_t group;
  std::string private_value;
  std::string public_value;
  std::string peer;
  std::string shared;
};

const Known kKnown[] = {
    {"Rfc5903Ecp256", 19, "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
     "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
     "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
     "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
     "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
     "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"},
    {"Rfc5903Ecp384", 20,
     "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655"
     "E35B538041E649EE3FAEF896783AB194",
     "667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6"
     "DE3AC808ACB4BDB4C88732AEE95F41AA9482ED1FC0EEB9CAFC4984625CCFC23F"
     "65032149E0E144ADA024181535A0F38EEB9FCFF3C2C947DAE69B4C634573A81C",
     "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D"
     "0D1AC43A0336DEF96FDA41D0774A3571DCFBEC7AACF3196472169E838430367F"
     "66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C",
     "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4"
     "D603135569B9E9D09CF5D4A270F59746"},
    {"Rfc7748First", 31, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "1c9fd88f45606d932a80c71824ae151d15d73e77de38e8e000852e614fae7019",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    {"Rfc7748Second", 31, "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "ff63fe57bfbf43fa3f563628b149af704d3db625369c49983650347a6a71e00e",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    {"Rfc3526Modp2048", 14, vectors::kModp[0].private_value, vectors::kModp[0].public_value,
     vectors::kModp[0].peer_value, vectors::kModp[0].shared},
};

class DhKnown : public ::testing::TestWithParam<Known> {};

TEST_P(DhKnown, Answer) {
  const Known& k = GetParam();
  const auto dh = Dh::with_key(k.group, hex(k.private_value), hex(k.public_value));
  ASSERT_TRUE(dh.ok());
  EXPECT_EQ(octets(dh->public_value()), hex(k.public_value));
  const auto shared = dh->shared(hex(k.peer));
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ(octets(shared->bytes()), hex(k.shared));
}
INSTANTIATE_TEST_SUITE_P(Rfc, DhKnown, ::testing::ValuesIn(kKnown),
                         [](const auto& row) { return row.param.name; });

class DhGroup : public ::testing::TestWithParam<uint16_t> {};

TEST_P(DhGroup, TwoPeersAgree) {
  const auto a = Dh::make(GetParam()), b = Dh::make(GetParam());
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->public_value().size(), dh_public_bytes(GetParam()));
  EXPECT_NE(octets(a->public_value()), octets(b->public_value()));
  const auto ab = a->shared(b->public_value()), ba = b->shared(a->public_value());
  ASSERT_TRUE(ab.ok() && ba.ok());
  EXPECT_EQ(*ab, *ba);
}

// Past bug: a public value longer than the buffer for it; a shorter one without padding.
TEST_P(DhGroup, EveryOtherLengthIsRefused) {
  const auto dh = Dh::make(GetParam());
  const std::size_t n = dh_public_bytes(GetParam());
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, n - 1, n + 1, 2 * n, std::size_t{65535}})
    EXPECT_EQ(dh->shared(Octets(size, 2)).error().code, Errc::kBadLength) << size;
}

TEST_P(DhGroup, ZerosAndOnesAreRefused) {
  const auto dh = Dh::make(GetParam());
  const std::size_t n = dh_public_bytes(GetParam());
  Octets one(n, 0);
  one.back() = 1;
  EXPECT_EQ(dh->shared(Octets(n, 0)).error().code, Errc::kBadValue);
  if (GetParam() != 31) {  // all ones and a big-endian 1 are just numbers for X25519
    EXPECT_EQ(dh->shared(Octets(n, 0xff)).error().code, Errc::kBadValue);
    EXPECT_EQ(dh->shared(one).error().code, Errc::kBadValue);
  }
}
INSTANTIATE_TEST_SUITE_P(All, DhGroup, ::testing::ValuesIn(kGroups));

Octets prime_plus(int n) {
  Octets p = hex(vectors::kModp[0].prime);
  for (auto i = p.size(); n != 0 && i-- > 0;) {
    const int sum = p[i] + n;
    p[i] = static_cast<uint8_t>(sum & 0xff);
    n = sum < 0 ? -1 : sum > 0xff ? 1 : 0;
  }
  return p;
}

Octets number(uint8_t n) {
  Octets out(256, 0);
  out.back() = n;
  return out;
}

TEST(DhModp, ValuesOutsideTheSubgroup) {
  const auto dh = Dh::make(14);
  for (const Octets& y : {number(0), number(1), prime_plus(-1), prime_plus(0), prime_plus(1),
                          prime_plus(2), Octets(256, 0xff)})
    EXPECT_EQ(dh->shared(y).error().code, Errc::kBadValue);
  // p is 7 mod 8: 2 is a square and -1 is not, so that -2 is outside the subgroup of squares.
  EXPECT_EQ(dh->shared(prime_plus(-2)).error().code, Errc::kBadValue);
  EXPECT_TRUE(dh->shared(number(2)).ok());
  EXPECT_TRUE(dh->shared(number(4)).ok());
}

// A public value or a secret with leading zero octets (once in 256 exchanges) keeps them: with the
// exponent 1 both are nearly all zeros.
TEST(DhModp, LeadingZerosAreKept) {
  const auto dh = Dh::with_key(14, hex("01"), number(2));
  ASSERT_TRUE(dh.ok());
  EXPECT_EQ(octets(dh->public_value()), number(2));
  const auto shared = dh->shared(number(4));
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ(octets(shared->bytes()), number(4));
}

class DhCurve : public ::testing::TestWithParam<uint16_t> {};

// A point with one bit wrong is on the curve only by an accident of 2^-255.
TEST_P(DhCurve, PointsBesideTheCurve) {
  const auto dh = Dh::make(GetParam()), peer = Dh::make(GetParam());
  const Octets good = octets(peer->public_value());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Octets bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_EQ(dh->shared(bad).error().code, Errc::kBadValue) << bit;
  }
  EXPECT_TRUE(dh->shared(good).ok());
}

// y and p - y are both on the curve: the check must not be a comparison with something known.
TEST_P(DhCurve, HalvesInTheWrongOrder) {
  const auto dh = Dh::make(GetParam()), peer = Dh::make(GetParam());
  Octets swapped = octets(peer->public_value());
  std::rotate(swapped.begin(), swapped.begin() + static_cast<long>(swapped.size() / 2),
              swapped.end());
  EXPECT_EQ(dh->shared(swapped).error().code, Errc::kBadValue);
}
INSTANTIATE_TEST_SUITE_P(Nist, DhCurve, ::testing::Values(19, 20));

// The points of small order of RFC 7748 section 6.1, all with an all-zero result.
TEST(DhX25519, SmallOrder) {
  const auto dh = Dh::make(31);
  for (const char* u : {"0000000000000000000000000000000000000000000000000000000000000000",
                        "0100000000000000000000000000000000000000000000000000000000000000",
                        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"})
    EXPECT_EQ(dh->shared(hex(u)).error().code, Errc::kBadValue) << u;
}

// Past bug: a group that exists only inside the program, named by a peer.
TEST(Dh, EveryOtherGroupIsUnsupported) {
  for (unsigned id = 0; id <= 0xffff; ++id) {
    const auto group = static_cast<uint16_t>(id);
    if (std::count(std::begin(kGroups), std::end(kGroups), group) != 0) continue;
    ASSERT_FALSE(dh_supported(group)) << id;
    ASSERT_EQ(Dh::make(group).error().code, Errc::kUnsupported) << id;
  }
}

TEST(Dh, AnEmptyOneRefusesEverything) {
  auto dh = Dh::make(31);
  const Dh moved = std::move(*dh);
  EXPECT_FALSE(dh->shared(moved.public_value()).ok());
  EXPECT_TRUE(moved.shared(Dh::make(31)->public_value()).ok());
}

}  // namespace
}  // namespace kanmon::ike
