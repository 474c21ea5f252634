// Every ESP algorithm, with 32-bit and with extended sequence numbers, against packets that OpenSSL
// made: both directions, and everything that must be refused.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/esp_bed.h"
#include "tests/support/esp_oracle.h"

namespace kanmon::test {
namespace {

using esp::Algorithm;

constexpr std::size_t kEsp = 20;  // where ESP begins behind an IPv4 header

class EachAlgorithm : public ::testing::TestWithParam<std::tuple<Algorithm, bool>> {
 protected:
  EachAlgorithm() {
    t_.algorithm = std::get<0>(GetParam());
    t_.esn = std::get<1>(GetParam());
    if (t_.esn) t_.first_sequence = 0xfffffff0;  // numbers of the tests lie on both sides of 2^32
    tunnel_ = add_tunnel(bed_, t_);
  }
  void TearDown() override { EXPECT_EQ(bed_.packets_out(), 0u); }  // ESP-41

  const esp::AlgorithmInfo& info() const { return esp::info(t_.algorithm); }

  EspBed bed_;
  TunnelSpec t_;
  Tunnel tunnel_;
};

std::vector<Algorithm> all_algorithms() {
  std::vector<Algorithm> out;
  for (const esp::AlgorithmInfo& row : esp::kAlgorithms) out.push_back(row.algorithm);
  return out;
}
std::string name_of(Algorithm a) {
  std::string name = esp::info(a).name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Esp, EachAlgorithm,
                         ::testing::Combine(::testing::ValuesIn(all_algorithms()),
                                            ::testing::Bool()),
                         [](const auto& i) {
                           return name_of(std::get<0>(i.param)) +
                                  (std::get<1>(i.param) ? "_esn" : "");
                         });

// ESP-14, ESP-18, ESP-19: what OpenSSL sealed comes out as it was, every padding, and over the
// border of 32 bits with extended numbers.
TEST_P(EachAlgorithm, OpensWhatOpenSslSealed) {
  uint64_t sequence = t_.first_sequence;
  for (std::size_t bytes = 40; bytes < 110; ++bytes, ++sequence) {
    const Octets inner = inner_packet({.bytes = bytes});
    ASSERT_EQ(bed_.decrypt_one(forge_packet(t_, inner, {.sequence = sequence})), inner) << bytes;
  }
  const Octets large = inner_packet({.bytes = 1400});
  EXPECT_EQ(bed_.decrypt_one(forge_packet(t_, large, {.sequence = sequence})), large);
  EXPECT_EQ(bed_.dropped_in_all(), 0u);
}

// ESP-25: octet for octet what OpenSSL makes of the same packet, number and IV.
TEST_P(EachAlgorithm, SealsAsOpenSslDoes) {
  ForgeSpec spec;
  spec.sequence = t_.first_sequence;
  for (std::size_t bytes = 40; bytes < 110; ++bytes, ++spec.sequence) {
    const Octets inner = inner_packet({.bytes = bytes});
    const Octets ours = bed_.encrypt_one(inner);
    ASSERT_GT(ours.size(), kEsp + 8u + info().iv_bytes);
    if (info().iv_bytes == 16) {
      const auto iv = ours.begin() + kEsp + 8;
      spec.cbc_iv = Octets(iv, iv + 16);
    }
    const Octets theirs = forge_packet(t_, inner, spec);
    ASSERT_EQ(Octets(ours.begin() + kEsp, ours.end()), Octets(theirs.begin() + kEsp, theirs.end()))
        << bytes;
  }
}

// ESP-01: every bit of the datagram. Nothing passes, the window stays, and the packet itself is
// still welcome.
TEST_P(EachAlgorithm, EveryFlippedBitIsDropped) {
  const Octets inner = inner_packet({.bytes = 61});
  const Octets good = forge_packet(t_, inner, {.sequence = 5});
  uint64_t flips = 0;
  for (std::size_t at = kEsp; at < good.size(); ++at)
    for (int bit = 0; bit < 8; ++bit, ++flips) {
      Octets bad = good;
      bad[at] ^= static_cast<uint8_t>(1 << bit);
      ASSERT_TRUE(bed_.decrypt_one(bad).empty()) << at << "." << bit;
    }
  EXPECT_EQ(bed_.dropped_in_all(), flips);
  EXPECT_EQ(bed_.dropped(Drop::kUnknownSpi), 32u);
  EXPECT_EQ(bed_.dropped(Drop::kIcvFailed), flips - 32);
  EXPECT_EQ(sa::report(*tunnel_.in).top_sequence, 0u);
  EXPECT_EQ(sa::report(*tunnel_.in).packets, 0u);
  EXPECT_EQ(bed_.decrypt_one(good), inner);
}

// ESP-11: every proper prefix. Shorter than header, IV, the least text and ICV is truncated; what
// is cut inside the text is out of step or fails the ICV.
TEST_P(EachAlgorithm, EveryTruncationIsDropped) {
  const Octets inner = inner_packet({.bytes = 90});
  const Octets good = forge_packet(t_, inner);
  for (std::size_t n = kEsp; n < good.size(); ++n)
    ASSERT_TRUE(bed_.decrypt_one(Octets(good.begin(), good.begin() + static_cast<long>(n))).empty())
        << n;
  EXPECT_EQ(bed_.dropped_in_all(), good.size() - kEsp);
  EXPECT_EQ(bed_.dropped(Drop::kEspTruncated),
            8u + info().iv_bytes + info().align + info().icv_bytes);
  EXPECT_EQ(bed_.decrypt_one(good), inner);
}

// ESP-14: with extended numbers the high word is authenticated: one more or one less is refused.
TEST_P(EachAlgorithm, TheHighWordIsAuthenticated) {
  const Octets inner = inner_packet({});
  const uint64_t sequence = (uint64_t{3} << 32) + 7;
  // Brings the window to where it infers the right high word.
  for (uint64_t at = 1; at <= sequence; at += 0xf0000000)
    bed_.decrypt_one(forge_packet(t_, inner, {.sequence = at}));
  if (!t_.esn) return;  // the high word is nowhere then
  for (const uint64_t wrong : {sequence + (uint64_t{1} << 32), sequence - (uint64_t{1} << 32)})
    EXPECT_TRUE(
        bed_.decrypt_one(forge_packet(t_, inner, {.sequence = sequence, .aad_sequence = wrong}))
            .empty());
  EXPECT_EQ(bed_.dropped(Drop::kIcvFailed), 2u);
  EXPECT_EQ(bed_.decrypt_one(forge_packet(t_, inner, {.sequence = sequence})), inner);
}

// ESP-16: what is wrong with the padding is nobody's to learn without the key.
TEST_P(EachAlgorithm, PaddingIsJudgedBehindTheIcv) {
  const Octets odd(64, 0xff);  // pad length 255, next header 255
  Octets bad_icv = forge(t_, odd, {.sequence = 1});
  bad_icv.back() ^= 1;
  EXPECT_TRUE(bed_.decrypt_one(bad_icv).empty());
  EXPECT_EQ(bed_.dropped(Drop::kIcvFailed), 1u);
  EXPECT_TRUE(bed_.decrypt_one(forge(t_, odd, {.sequence = 1})).empty());
  EXPECT_EQ(bed_.dropped(Drop::kBadPadding), 1u);
}

// RFC 4303 section 2.4: up to 255 octets of padding, 1, 2, 3, …; any other content is refused.
TEST_P(EachAlgorithm, LongerPaddingIsTaken) {
  const Octets inner = inner_packet({.bytes = 62});
  uint64_t sequence = 1;
  for (std::size_t pad = 0; pad < 256; pad += 16, ++sequence)
    ASSERT_EQ(bed_.decrypt_one(forge(t_, with_trailer(inner, pad, 4), {.sequence = sequence})),
              inner)
        << pad;
  Octets text = with_trailer(inner, 16, 4);
  text[70] ^= 1;
  EXPECT_TRUE(bed_.decrypt_one(forge(t_, text, {.sequence = sequence})).empty());
  EXPECT_EQ(bed_.dropped(Drop::kBadPadding), 1u);
}

// ESP-35: the four wrappings and both inner families.
TEST_P(EachAlgorithm, GoesThroughEveryWrapping) {
  uint32_t tunnel = 1;
  for (const bool outer6 : {false, true})
    for (const bool udp : {false, true}) {
      TunnelSpec t = t_;
      t.outer6 = outer6;
      t.udp = udp;
      t.tunnel = tunnel++;
      t.spi = t_.spi + t.tunnel;
      ASSERT_NE(add_tunnel(bed_, t).in, nullptr);
      for (const bool v6 : {false, true})
        for (std::size_t bytes = 48; bytes < 1400; bytes += 53) {
          const Octets inner = inner_packet({.v6 = v6, .bytes = bytes});
          ASSERT_EQ(bed_.decrypt_one(bed_.encrypt_one(inner, t.tunnel)), inner);
        }
    }
  EXPECT_EQ(bed_.dropped_in_all(), 0u);
}

// ESP-08 over all algorithms: what becomes of a packet has nothing to do with who travels beside
// it.
TEST(MixedBursts, ShufflesChangeNoVerdict) {
  struct One {
    Octets packet, inner;
  };
  std::vector<TunnelSpec> specs;
  std::vector<One> all;
  for (const esp::AlgorithmInfo& row : esp::kAlgorithms) {
    TunnelSpec t;
    t.algorithm = row.algorithm;
    t.tunnel = static_cast<uint32_t>(specs.size());
    t.spi = 0x10000100 + t.tunnel;
    t.esn = t.tunnel % 2 == 0;
    specs.push_back(t);
    for (uint32_t i = 0; i < 20; ++i) {
      One one;
      one.inner = inner_packet({.bytes = 40 + i * 67, .seed = i});
      one.packet = forge_packet(t, one.inner, {.sequence = i + 1});
      if (i % 5 == 3) {
        one.packet[kEsp + 8 + (i * 13) % (one.packet.size() - kEsp - 8)] ^= 0x20;
        one.inner.clear();
      }
      all.push_back(one);
    }
  }
  std::mt19937 rng(8);
  for (int round = 0; round < 60; ++round) {
    EspBed bed;
    for (const TunnelSpec& t : specs) add_tunnel(bed, t);
    std::shuffle(all.begin(), all.end(), rng);
    const std::size_t burst_size = 1 + rng() % 64;
    for (std::size_t at = 0; at < all.size(); at += burst_size) {
      std::vector<Packet*> burst;
      std::vector<Octets> want;
      for (std::size_t i = at; i < std::min(at + burst_size, all.size()); ++i) {
        burst.push_back(bed.esp_packet(all[i].packet));
        if (!all[i].inner.empty()) want.push_back(all[i].inner);
      }
      ASSERT_EQ(bed.decrypt(burst), want) << round;
    }
    ASSERT_EQ(bed.dropped(Drop::kIcvFailed), specs.size() * 4);
    ASSERT_EQ(bed.packets_out(), 0u);
  }
}

// ESP-08 the other way: a burst for tunnels of all algorithms leaves as if each packet were alone.
TEST(MixedBursts, SealInOrder) {
  EspBed bed;
  std::vector<TunnelSpec> specs;
  for (const esp::AlgorithmInfo& row : esp::kAlgorithms) {
    TunnelSpec t;
    t.algorithm = row.algorithm;
    t.tunnel = static_cast<uint32_t>(specs.size());
    t.spi = 0x10000100 + t.tunnel;
    add_tunnel(bed, t);
    specs.push_back(t);
  }
  std::mt19937 rng(9);
  for (int round = 0; round < 50; ++round) {
    std::vector<Packet*> burst;
    std::vector<Octets> inner;
    for (uint32_t i = 0; i < 64; ++i) {
      inner.push_back(inner_packet({.bytes = 40 + rng() % 1300, .seed = i}));
      burst.push_back(bed.clear_packet(inner.back(), static_cast<uint32_t>(rng() % specs.size())));
    }
    const auto frames = bed.encrypt(burst);
    ASSERT_EQ(frames.size(), inner.size());
    std::vector<Packet*> back;
    for (const Octets& f : frames) back.push_back(bed.esp_packet(Octets(f.begin() + 14, f.end())));
    ASSERT_EQ(bed.decrypt(back), inner);
  }
}

// ESP-17, RFC 3602 section 3: no IV comes twice, none is the one before plus something, none is the
// last block of the packet before, and bits are as often one as zero.
TEST(CbcIv, CannotBeForetold) {
  EspBed bed;
  TunnelSpec t;
  t.algorithm = Algorithm::kAes128Sha256;
  add_tunnel(bed, t);
  std::set<std::string> ivs, differences;  // as octets
  Octets last_block(16), before(16);
  uint64_t ones = 0;
  constexpr int kPackets = 4000;
  for (int i = 0; i < kPackets; ++i) {
    const Octets p = bed.encrypt_one(inner_packet({.bytes = 64}));  // the same packet each time
    const Octets iv(p.begin() + kEsp + 8, p.begin() + kEsp + 24);
    ASSERT_TRUE(ivs.insert(std::string(iv.begin(), iv.end())).second) << "repeated after " << i;
    ASSERT_NE(iv, last_block);
    std::string difference(16, 0);
    for (std::size_t k = 0; k < 16; ++k) difference[k] = static_cast<char>(iv[k] - before[k]);
    ASSERT_TRUE(differences.insert(difference).second);
    for (const uint8_t octet : iv) ones += static_cast<uint64_t>(__builtin_popcount(octet));
    last_block.assign(p.end() - 32, p.end() - 16);
    before = iv;
  }
  const double share = static_cast<double>(ones) / (kPackets * 128.0);
  EXPECT_NEAR(share, 0.5, 0.01);  // 14 standard deviations
}

// The same number under another key is another IV.
TEST(CbcIv, DependsOnTheKey) {
  std::set<std::string> ivs;
  for (uint8_t seed = 1; seed < 50; ++seed) {
    EspBed bed;
    TunnelSpec t;
    t.algorithm = Algorithm::kAes256Sha256;
    t.key_seed = seed;
    add_tunnel(bed, t);
    const Octets p = bed.encrypt_one(inner_packet({}));
    EXPECT_TRUE(ivs.insert(std::string(p.begin() + kEsp + 8, p.begin() + kEsp + 24)).second);
  }
}

// ESP-15, ESP-42: RFC 8221 section 5 and 6. What must exist exists, what must not does not, and an
// AEAD never has separate integrity, all else always has.
TEST(Table, IsThatOfRfc8221) {
  std::map<std::pair<uint16_t, uint16_t>, int> have;  // by IANA's ids
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms) {
    ++have[{a.encr_id, a.integ_id}];
    const bool implicit = a.encr_id == 30 || a.encr_id == 31;
    const bool aead = a.encr_id == 20 || a.encr_id == 28 || implicit;
    EXPECT_EQ(a.has_implicit_iv(), implicit) << a.name;
    EXPECT_EQ(a.integ_id == 0, aead) << a.name;
    EXPECT_TRUE(aead || a.encr_id == 12 || a.encr_id == 11) << a.name;
    EXPECT_TRUE(aead || a.integ_id == 2 || (a.integ_id >= 12 && a.integ_id <= 14)) << a.name;
    // SHA-1 and NULL are there, and never without the operator's word.
    EXPECT_EQ(a.consent == esp::Consent::kWeak, a.integ_id == 2) << a.name;
    EXPECT_EQ(a.consent == esp::Consent::kReadable, a.encr_id == 11) << a.name;
  }
  EXPECT_EQ((have[{20, 0}]), 2);  // MUST: AES-GCM-16, 128 and 256
  EXPECT_EQ((have[{30, 0}]), 2);  // RFC 8750: implicit IV
  EXPECT_EQ((have[{31, 0}]), 1);
  EXPECT_EQ((have[{28, 0}]), 1);   // SHOULD: ChaCha20-Poly1305
  EXPECT_EQ((have[{12, 12}]), 2);  // MUST: AES-CBC with SHA2-256-128
  EXPECT_EQ((have[{12, 14}]), 2);  // SHOULD: SHA2-512-256
  EXPECT_EQ((have[{11, 12}]), 1);  // MUST: NULL, with integrity
}

// ESP-20: RFC 8750. Eight octets fewer on the wire; the nonce is the salt and the number in 64
// bits, its high word with extended numbers, else zero: octet for octet what OpenSSL makes, both
// ways.
TEST(ImplicitIv, TheNumberIsTheIv) {
  struct Row {
    Algorithm with, without;
  };
  for (const Row& row : {Row{Algorithm::kAes128Gcm16, Algorithm::kAes128Gcm16Iiv},
                         Row{Algorithm::kAes256Gcm16, Algorithm::kAes256Gcm16Iiv},
                         Row{Algorithm::kChaCha20Poly1305, Algorithm::kChaCha20Poly1305Iiv}})
    for (const bool esn : {false, true}) {
      const uint64_t first = esn ? (uint64_t{1} << 32) - 3 : 0xfffffff0;
      Octets wire[2];
      for (const bool implicit : {false, true}) {
        EspBed bed;
        TunnelSpec t;
        t.algorithm = implicit ? row.without : row.with;
        t.esn = esn;
        t.first_sequence = first;
        add_tunnel(bed, t);
        const Octets inner = inner_packet({.bytes = 100});
        for (uint64_t n = first; n < first + 6; ++n) {
          wire[implicit] = bed.encrypt_one(inner);
          const Octets theirs = forge_packet(t, inner, {.sequence = n});
          ASSERT_EQ(Octets(wire[implicit].begin() + kEsp, wire[implicit].end()),
                    Octets(theirs.begin() + kEsp, theirs.end()));
          ASSERT_EQ(bed.decrypt_one(theirs), inner) << n;
        }
        EXPECT_EQ(bed.dropped_in_all(), 0u);
      }
      // The same key, number and text: what differs is that the IV is not there.
      Octets shortened = wire[0];
      shortened.erase(shortened.begin() + kEsp + 8, shortened.begin() + kEsp + 16);
      EXPECT_EQ(Octets(shortened.begin() + kEsp, shortened.end()),
                Octets(wire[1].begin() + kEsp, wire[1].end()));
    }
}

// RFC 7634 appendix A.
TEST(ChaCha20Poly1305, AppendixA) {
  EspBed bed;
  TunnelSpec t;
  t.algorithm = Algorithm::kChaCha20Poly1305;
  t.spi = 0x01020304;
  for (uint8_t i = 0x80; i < 0xa4; ++i) t.keymat.push_back(i);
  ASSERT_NE(add_tunnel(bed, t).in, nullptr);
  const Octets inner = from_hex(
      "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f"
      "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637");
  const Octets esp = from_hex(
      "0102030400000005101112131415161724039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef"
      "407ae5c614ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b50"
      "2773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7b11b369907e1ad43");
  Octets packet = forge(t, Octets(esp.size() - 32, 0));
  ASSERT_EQ(packet.size(), kEsp + esp.size());
  std::copy(esp.begin(), esp.end(), packet.begin() + kEsp);
  EXPECT_EQ(bed.decrypt_one(packet), inner);
}

}  // namespace
}  // namespace kanmon::test
