// Key derivation (IKE-17): RFC 7296 sections 2.13 to 2.18 against vectors of make_vectors.py, which
// shares no code with us; prf by RFC 4231.
#include <gtest/gtest.h>

#include "control/ike/crypto/prf.h"
#include "control/ike/kdf.h"
#include "tests/unit/ike/support.h"
#include "tests/unit/ike/vectors.h"

namespace kanmon::ike {
namespace {

uint64_t spi(const char* text) {
  return load_be<uint64_t>(hex(text).data());
}

class Kdf : public ::testing::TestWithParam<vectors::Kdf> {
 protected:
  const vectors::Kdf& v = GetParam();
  uint16_t prf_id = static_cast<uint16_t>(v.prf);
  Octets ni = hex(v.ni), nr = hex(v.nr);
  IkeSuite suite{static_cast<uint16_t>(v.encryption), static_cast<uint16_t>(v.key_bits),
                 static_cast<uint16_t>(v.integrity), prf_id, 0};
  IkeKeys keys =
      derive_ike_keys(suite, Secret(hex(v.skeyseed)), ni, nr, spi(v.spi_i), spi(v.spi_r)).value();
};

TEST_P(Kdf, Skeyseed) {
  EXPECT_EQ(octets(skeyseed(prf_id, ni, nr, Secret(hex(v.shared)))->bytes()), hex(v.skeyseed));
}

TEST_P(Kdf, KeysOfTheIkeSaInOrder) {
  Octets all;
  for (const Secret* s : {&keys.d, &keys.ai, &keys.ar, &keys.ei, &keys.er, &keys.pi, &keys.pr})
    all.insert(all.end(), s->bytes().begin(), s->bytes().end());
  EXPECT_EQ(all, hex(v.keys));
  EXPECT_EQ(keys.d.size(), prf_bytes(prf_id));
  EXPECT_EQ(keys.ei.size(), encryption_key_bytes(suite.encryption, suite.key_bits));
  EXPECT_EQ(keys.ai.empty(), is_aead(suite.encryption));
}

TEST_P(Kdf, ChildKeysWithAndWithoutDh) {
  const Secret none, fresh{wire::Bytes(hex(v.shared_new))};
  for (const auto& [shared, wanted] : {std::pair{&none, v.child}, std::pair{&fresh, v.child_pfs}}) {
    const auto child = derive_child_keys(prf_id, keys.d, *shared, ni, nr, v.child_bytes);
    ASSERT_TRUE(child.ok());
    const Octets all = hex(wanted);
    EXPECT_EQ(octets(child->initiator.bytes()), octets(wire::Bytes(all).first(v.child_bytes)));
    EXPECT_EQ(octets(child->responder.bytes()), octets(wire::Bytes(all).last(v.child_bytes)));
  }
}

TEST_P(Kdf, RekeyedIkeSaStartsFromTheOldSkD) {
  const auto seed = skeyseed_of_rekey(prf_id, keys.d, Secret(hex(v.shared_new)), ni, nr);
  EXPECT_EQ(octets(seed->bytes()), hex(v.rekey_seed));
}

TEST_P(Kdf, SharedKeyAuth) {
  const auto auth =
      psk_auth(prf_id, Secret(hex(v.psk)), hex(v.message), nr, keys.pi, hex(v.id_body));
  EXPECT_EQ(octets(auth->bytes()), hex(v.auth));
  // Every input matters: IKE-01 rests on it.
  const auto other_id = psk_auth(prf_id, Secret(hex(v.psk)), hex(v.message), nr, keys.pi, ni);
  const auto other_key =
      psk_auth(prf_id, Secret(hex(v.psk)), hex(v.message), nr, keys.pr, hex(v.id_body));
  const auto other_nonce =
      psk_auth(prf_id, Secret(hex(v.psk)), hex(v.message), ni, keys.pi, hex(v.id_body));
  EXPECT_FALSE(*auth == *other_id);
  EXPECT_FALSE(*auth == *other_key);
  EXPECT_FALSE(*auth == *other_nonce);
}

INSTANTIATE_TEST_SUITE_P(Suites, Kdf, ::testing::ValuesIn(vectors::kKdf), [](const auto& row) {
  std::string name = row.param.name;
  std::erase(name, '-');
  return name;
});

TEST(Kdf, RefusesSuitesItCannotRun) {
  const Octets n(32);
  const Secret seed(32);
  for (const IkeSuite& s :
       {IkeSuite{20, 192, 0, 5, 19}, IkeSuite{20, 256, 12, 5, 19}, IkeSuite{12, 128, 0, 5, 19},
        IkeSuite{12, 128, 2, 5, 19}, IkeSuite{12, 128, 12, 2, 19}, IkeSuite{3, 0, 12, 5, 19}})
    EXPECT_FALSE(derive_ike_keys(s, seed, n, n, 1, 2).ok());
}

// IKE-16: section 2.10 asks for half the PRF's key size.
TEST(Kdf, NoncesShorterThanHalfThePrfKeyAreRefused) {
  const Secret key(64);
  for (const uint16_t id : {5, 6, 7}) {
    for (const std::size_t n : {std::size_t{16}, std::size_t{23}, std::size_t{24}, std::size_t{31},
                                std::size_t{32}, std::size_t{256}}) {
      const Octets nonce(n), good(256);
      const bool fits = 2 * n >= prf_bytes(id);
      EXPECT_EQ(skeyseed(id, nonce, good, key).ok(), fits);
      EXPECT_EQ(skeyseed(id, good, nonce, key).ok(), fits);
      EXPECT_EQ(skeyseed_of_rekey(id, key, key, nonce, good).ok(), fits);
      EXPECT_EQ(derive_child_keys(id, key, key, good, nonce, 36).ok(), fits);
    }
  }
}

// RFC 4231 test cases 1, 2 and 6 (a key longer than the block).
struct Hmac {
  const char* key;
  const char* data;
  const char* sha256;
  const char* sha384;
  const char* sha512;
};
const std::string kLongKey(262, 'a');
const Hmac kRfc4231[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
     "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
     "faea9ea9076ede7f4af152e8b2fa9cb6",
     "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
     "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
     "8e2240ca5e69e2c78b3239ecfab21649",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    {kLongKey.c_str(),
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b"
     "6579204669727374",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
     "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
     "0c2ef6ab4030fe8296248df163f44952",
     "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
     "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
};

TEST(Prf, Rfc4231) {
  for (const Hmac& row : kRfc4231) {
    const Octets key = hex(row.key), data = hex(row.data);
    EXPECT_EQ(octets(prf(5, key, {data})->bytes()), hex(row.sha256));
    EXPECT_EQ(octets(prf(6, key, {data})->bytes()), hex(row.sha384));
    EXPECT_EQ(octets(prf(7, key, {data})->bytes()), hex(row.sha512));
  }
}

// RFC 4868: the integrity transforms are the same MACs, cut in half.
TEST(Integrity, IsTheMacCutInHalf) {
  const Octets key(64, 7), data = hex("00112233");
  for (const auto& [integ, prf_id] : {std::pair{12, 5}, std::pair{13, 6}, std::pair{14, 7}}) {
    const auto id = static_cast<uint16_t>(integ);
    Octets icv(integrity_sizes(id).icv);
    ASSERT_TRUE(integrity(id, key, data, icv).ok());
    const auto whole = prf(static_cast<uint16_t>(prf_id), key, {data});
    EXPECT_EQ(icv, octets(whole->bytes().first(icv.size())));
    EXPECT_EQ(icv.size() * 2, whole->size());
  }
}

TEST(Prf, PartsAreOneString) {
  const Octets all = hex("000102030405060708"), key = hex("aabb");
  const wire::Bytes b = all;
  EXPECT_EQ(*prf(5, key, {b.first(3), {}, b.subspan(3)}), *prf(5, key, {b}));
  EXPECT_EQ(*prf_plus(5, key, {b.first(3), {}, b.subspan(3)}, 99), *prf_plus(5, key, {b}, 99));
}

TEST(Prf, PlusIsAPrefixOfTheLongerOneUpTo255Blocks) {
  const Octets key(32, 1), seed(8, 2);
  const auto longest = prf_plus(5, key, {seed}, 255 * 32);
  ASSERT_TRUE(longest.ok());
  for (const std::size_t n : {0, 1, 31, 32, 33, 64, 8159, 8160}) {
    const auto part = prf_plus(5, key, {seed}, n);
    ASSERT_TRUE(part.ok()) << n;
    EXPECT_EQ(octets(part->bytes()), octets(longest->bytes().first(n)));
  }
  EXPECT_EQ(prf_plus(5, key, {seed}, 255 * 32 + 1).error().code, Errc::kBadLength);
}

TEST(Prf, RefusesEveryIdButThree) {
  for (unsigned id = 0; id <= 0xffff; ++id) {
    const auto n = static_cast<uint16_t>(id);
    const bool known = id == 5 || id == 6 || id == 7;
    ASSERT_EQ(prf_supported(n), known);
    ASSERT_EQ(prf(n, {}, {}).ok(), known);
    const bool integ = id == 12 || id == 13 || id == 14;
    ASSERT_EQ(integrity_sizes(n).icv != 0, integ);
  }
}

TEST(Prf, EmptyKeyAndEmptyDataAreFine) {
  // HMAC-SHA-256 of nothing with nothing, as RFC 2104 defines it.
  EXPECT_EQ(octets(prf(5, {}, {})->bytes()),
            hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}

}  // namespace
}  // namespace kanmon::ike
