// Proposals (IKE-28): RFC 7296 sections 2.7 and 3.3, RFC 5282 section 8, RFC 8247.
#include <gtest/gtest.h>

#include "control/ike/proposal.h"
#include "tests/unit/ike/support.h"

namespace kanmon::ike {
namespace {

using T = TransformType;

Transform encr(uint16_t id, uint16_t bits = 0) {
  return {T::kEncr, id, bits, true};
}
Transform prf(uint16_t id) {
  return {T::kPrf, id, 0, true};
}
Transform integ(uint16_t id) {
  return {T::kInteg, id, 0, true};
}
Transform dh(uint16_t id) {
  return {T::kDh, id, 0, true};
}
Transform esn(uint16_t id) {
  return {T::kEsn, id, 0, true};
}

Proposal ike(std::vector<Transform> transforms, uint8_t number = 1) {
  Proposal p;
  p.number = number;
  p.transforms = std::move(transforms);
  return p;
}
Proposal esp(std::vector<Transform> transforms, uint8_t number = 1) {
  Proposal p;
  p.number = number;
  p.protocol = ProtocolId::kEsp;
  p.set_esp_spi(0xc0ffee01);
  p.transforms = std::move(transforms);
  return p;
}

const IkeTransforms kOurs{{{20, 256}, {12, 128}}, {12, 14}, {6, 5}, {20, 14}};

EspTransforms esp_ours(std::vector<uint16_t> groups = {}, bool with_esn = true) {
  return {
      {esp::Algorithm::kAes256Gcm16, esp::Algorithm::kAes128Gcm16}, std::move(groups), with_esn};
}

Result<IkeChoice> choose(std::vector<Proposal> theirs, uint16_t ke_group = 0) {
  return choose_ike(kOurs, theirs, ke_group, false);
}

// --- offering ---

TEST(Offer, AeadAndTheRestApart) {
  const auto p = make_ike_proposals(kOurs, 0);
  ASSERT_EQ(p.size(), 2u);
  EXPECT_EQ(p[0], ike({encr(20, 256), prf(6), prf(5), dh(20), dh(14)}, 1));
  EXPECT_EQ(p[1], ike({encr(12, 128), integ(12), integ(14), prf(6), prf(5), dh(20), dh(14)}, 2));
}

TEST(Offer, ThePreferredKindComesFirst) {
  IkeTransforms t = kOurs;
  std::swap(t.encryption[0], t.encryption[1]);
  const auto p = make_ike_proposals(t, 0x0102030405060708);
  ASSERT_EQ(p.size(), 2u);
  EXPECT_EQ(p[0].transforms[0], encr(12, 128));
  EXPECT_EQ(p[1].ike_spi(), 0x0102030405060708u);
  EXPECT_EQ(p[1].number, 2);
}

TEST(Offer, LeavesOutWhatWeCannotRun) {
  IkeTransforms t{{{3, 0}, {20, 192}, {12, 256}}, {2}, {5}, {2, 19}};
  EXPECT_TRUE(make_ike_proposals(t, 0).empty());  // CBC without integrity
  t.integrity.push_back(13);
  EXPECT_EQ(make_ike_proposals(t, 0), std::vector{ike({encr(12, 256), integ(13), prf(5), dh(19)})});
  t.groups = {2};
  EXPECT_TRUE(make_ike_proposals(t, 0).empty());
  EXPECT_TRUE(make_ike_proposals({}, 0).empty());
}

TEST(Offer, Esp) {
  EXPECT_EQ(make_esp_proposals(esp_ours({19}), 0xc0ffee01, false),
            std::vector{esp({encr(20, 256), encr(20, 128), esn(1), esn(0)})});
  EXPECT_EQ(make_esp_proposals(esp_ours({19}, false), 0xc0ffee01, true),
            std::vector{esp({encr(20, 256), encr(20, 128), dh(19), esn(0)})});
  EXPECT_TRUE(make_esp_proposals({}, 1, true).empty());
}

// Every ESP algorithm of the data plane: alone it is offered, chosen and accepted as itself.
TEST(Offer, EveryEspAlgorithmFindsItsWayBack) {
  for (const esp::AlgorithmInfo& row : esp::kAlgorithms) {
    const EspTransforms one{{row.algorithm}, {19}, true};
    const auto offered = make_esp_proposals(one, 0xc0ffee01, true);
    ASSERT_EQ(offered.size(), 1u) << row.name;
    auto chosen = choose_esp(one, offered, 0, true);
    ASSERT_TRUE(chosen.ok()) << row.name;
    EXPECT_EQ(chosen->suite, (EspSuite{row.algorithm, 19, true}));
    EXPECT_EQ(chosen->peer_spi, 0xc0ffee01u);
    EXPECT_EQ(chosen->answer.spi_bytes, 0);
    chosen->answer.set_esp_spi(0x1234);
    const auto accepted = accept_esp(offered, {&chosen->answer, 1});
    ASSERT_TRUE(accepted.ok()) << row.name;
    EXPECT_EQ(accepted->suite, chosen->suite);
    EXPECT_EQ(accepted->peer_spi, 0x1234u);
  }
}

// RFC 7296 section 3.3: a proposal for each integrity, AEADs in one without; only what has variable
// keys has the KEY_LENGTH attribute (RFC 7634 section 3: ChaCha20 has none).
TEST(Offer, EspOfAllKinds) {
  using A = esp::Algorithm;
  const EspTransforms ours{
      {A::kAes256Sha256, A::kAes256Sha512, A::kChaCha20Poly1305, A::kAes128Sha256, A::kAes128Gcm16},
      {},
      false};
  const auto offered = make_esp_proposals(ours, 0xc0ffee01, false);
  ASSERT_EQ(offered.size(), 3u);
  EXPECT_EQ(offered[0], esp({encr(12, 256), encr(12, 128), integ(12), esn(0)}, 1));
  EXPECT_EQ(offered[1], esp({encr(12, 256), integ(14), esn(0)}, 2));
  EXPECT_EQ(offered[2], esp({encr(28, 0), encr(20, 128), esn(0)}, 3));
  // A peer that knows SHA-2-512 and ChaCha20 gets what we prefer of the two.
  const auto chosen = choose_esp(ours, std::vector{offered[2], offered[1]}, 0, false);
  ASSERT_TRUE(chosen.ok());
  EXPECT_EQ(chosen->suite.algorithm, A::kAes256Sha512);
}

// What is not configured is never taken, however it is offered (ESP-42).
TEST(Choose, NeitherSha1NorNullUnlessConfigured) {
  EspTransforms ours;
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms)
    if (a.consent == esp::Consent::kNone) ours.algorithms.push_back(a.algorithm);
  const auto refused = [&ours](std::vector<Transform> transforms) {
    return !choose_esp(ours, std::vector{esp(std::move(transforms))}, 0, false).ok();
  };
  EXPECT_TRUE(refused({encr(12, 128), encr(12, 256), integ(2), esn(0)}));
  EXPECT_TRUE(refused({encr(11, 0), integ(12), integ(14), esn(0)}));
  EXPECT_TRUE(refused({encr(11, 0), integ(0), esn(0)}));
  EXPECT_TRUE(refused({encr(12, 128), esn(0)}));             // CBC without integrity (ESP-15)
  EXPECT_TRUE(refused({encr(20, 128), integ(12), esn(0)}));  // AEAD with (ESP-15)
}

// --- choosing ---

TEST(Choose, OurPreferenceDecides) {
  const auto c = choose({ike({encr(12, 128), integ(14), integ(12), prf(5), dh(14)}, 1),
                         ike({encr(20, 128), encr(20, 256), prf(5), dh(14), dh(20)}, 2)});
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->suite, (IkeSuite{20, 256, 0, 5, 20}));
  EXPECT_EQ(c->answer, ike({encr(20, 256), prf(5), dh(20)}, 2));
  EXPECT_EQ(to_string(c->suite), "AES256-GCM-16/PRF-HMAC-SHA2-256/ECP-384");
}

TEST(Choose, TheGroupOfTheKePayloadSavesARoundTrip) {
  const std::vector<Proposal> p{ike({encr(20, 256), prf(6), dh(14), dh(20)})};
  EXPECT_EQ(choose(p, 0)->suite.group, 20);
  EXPECT_EQ(choose(p, 14)->suite.group, 14);
  EXPECT_EQ(choose(p, 31)->suite.group, 20);  // not configured: no influence
}

TEST(Choose, AmongEqualsTheFirst) {
  const auto one = ike({encr(20, 256), prf(6), dh(20)}, 1),
             two = ike({encr(20, 256), prf(6), dh(20)}, 2);
  EXPECT_EQ(choose({one, two})->answer.number, 1);
}

TEST(Choose, AeadTakesIntegNoneOrNothing) {
  EXPECT_TRUE(choose({ike({encr(20, 256), prf(6), dh(20)})}).ok());
  const auto none = choose({ike({encr(20, 256), integ(0), prf(6), dh(20)})});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->answer, ike({encr(20, 256), prf(6), integ(0), dh(20)}));
  EXPECT_FALSE(choose({ike({encr(20, 256), integ(12), prf(6), dh(20)})}).ok());
  // Both kinds in one proposal: what goes with the MAC is chosen.
  EXPECT_EQ(choose({ike({encr(20, 256), encr(12, 128), integ(12), prf(6), dh(20)})})->suite,
            (IkeSuite{12, 128, 12, 6, 20}));
  EXPECT_FALSE(choose({ike({encr(12, 128), integ(0), prf(6), dh(20)})}).ok());
  EXPECT_FALSE(choose({ike({encr(12, 128), prf(6), dh(20)})}).ok());
}

// Past bug: a proposal without DH. Every transform dropped once.
TEST(Choose, DropOneTransform) {
  const std::vector<Transform> whole{encr(12, 128), integ(12), prf(5), dh(14)};
  ASSERT_TRUE(choose({ike(whole)}).ok());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto part = whole;
    part.erase(part.begin() + static_cast<long>(i));
    EXPECT_FALSE(choose({ike(part)}).ok()) << i;
  }
  EXPECT_FALSE(choose({ike({})}).ok());
  EXPECT_FALSE(choose({}).ok());
}

TEST(Choose, KeyLengthIsRequiredAndExact) {
  for (unsigned bits = 0; bits <= 0xffff; ++bits)
    ASSERT_EQ(choose({ike({encr(20, static_cast<uint16_t>(bits)), prf(6), dh(20)})}).ok(),
              bits == 256);
}

// Sweep of every id of every type: only ours is ever chosen (past bug: internal ids).
TEST(Choose, EveryIdOfEveryType) {
  const auto ok = [](Transform t) {
    std::vector<Transform> whole{encr(12, 128), integ(12), prf(5), dh(14)};
    for (Transform& have : whole)
      if (have.type == t.type) have = t;
    const auto c = choose({ike(whole)});
    return c.ok();
  };
  for (unsigned v = 0; v <= 0xffff; ++v) {
    const auto id = static_cast<uint16_t>(v);
    ASSERT_EQ(ok(encr(id, 128)), v == 12);
    ASSERT_EQ(ok(integ(id)), v == 12 || v == 14);
    ASSERT_EQ(ok(prf(id)), v == 5 || v == 6);
    ASSERT_EQ(ok(dh(id)), v == 14 || v == 20);
  }
}

// 3.3.6: an unknown transform costs itself, an unknown type its proposal.
TEST(Choose, TheUnknownIsPassedOver) {
  Transform strange = encr(20, 256);
  strange.usable = false;
  EXPECT_EQ(choose({ike({strange, encr(12, 128), integ(12), prf(5), dh(14)})})->suite.encryption,
            12);
  EXPECT_FALSE(choose({ike({strange, prf(5), dh(14)})}).ok());
  EXPECT_TRUE(choose({ike({encr(99, 7), encr(20, 256), prf(5), prf(99), dh(2), dh(14)})}).ok());
  for (unsigned type = 0; type <= 0xff; ++type) {
    std::vector<Transform> whole{encr(12, 128), integ(12), prf(5), dh(14)};
    whole.push_back({static_cast<T>(type), 60'000, 0, true});
    const bool known = type >= 1 && type <= 4;
    EXPECT_EQ(choose({ike(whole)}).ok(), known) << type;
    EXPECT_TRUE(choose({ike(whole), ike({encr(20, 256), prf(5), dh(14)}, 2)}).ok());
  }
}

TEST(Choose, ProtocolAndSpiMustFit) {
  const std::vector<Transform> good{encr(20, 256), prf(5), dh(14)};
  Proposal p = ike(good);
  for (unsigned protocol = 0; protocol <= 0xff; ++protocol) {
    p.protocol = static_cast<ProtocolId>(protocol);
    EXPECT_EQ(choose({p}).ok(), protocol == 1);
  }
  p.protocol = ProtocolId::kIke;
  EXPECT_FALSE(choose_ike(kOurs, {&p, 1}, 0, true).ok());
  p.set_ike_spi(7);
  EXPECT_FALSE(choose_ike(kOurs, {&p, 1}, 0, false).ok());
  EXPECT_EQ(choose_ike(kOurs, {&p, 1}, 0, true)->peer_spi, 7u);
  p.usable = false;
  EXPECT_FALSE(choose_ike(kOurs, {&p, 1}, 0, true).ok());
}

TEST(ChooseEsp, Esn) {
  const std::vector<Proposal> both{esp({encr(20, 256), esn(0), esn(1)})};
  EXPECT_TRUE(choose_esp(esp_ours(), both, 0, false)->suite.esn);
  EXPECT_FALSE(choose_esp(esp_ours({}, false), both, 0, false)->suite.esn);
  const std::vector<Proposal> only{esp({encr(20, 256), esn(1)})}, none{esp({encr(20, 256)})};
  EXPECT_FALSE(choose_esp(esp_ours({}, false), only, 0, false).ok());
  EXPECT_FALSE(choose_esp(esp_ours(), none, 0, false).ok());  // a mandatory type
}

TEST(ChooseEsp, Pfs) {
  const std::vector<Proposal> with{esp({encr(20, 256), dh(14), dh(19), esn(1)})};
  const std::vector<Proposal> without{esp({encr(20, 256), esn(1)})};
  const std::vector<Proposal> optional{esp({encr(20, 256), dh(0), dh(19), esn(1)})};
  // IKE_AUTH: groups are ignored, the answer has none.
  EXPECT_EQ(choose_esp(esp_ours({19}), with, 0, false)->answer.transforms,
            (std::vector{encr(20, 256), esn(1)}));
  // CREATE_CHILD_SA with PFS configured: a group is a must.
  EXPECT_EQ(choose_esp(esp_ours({19, 14}), with, 0, true)->suite.group, 19);
  EXPECT_EQ(choose_esp(esp_ours({19, 14}), with, 14, true)->suite.group, 14);
  EXPECT_EQ(choose_esp(esp_ours({19}), optional, 0, true)->suite.group, 19);
  EXPECT_FALSE(choose_esp(esp_ours({19}), without, 0, true).ok());
  EXPECT_FALSE(choose_esp(esp_ours({20}), with, 0, true).ok());
  // Without PFS configured: only what allows none.
  EXPECT_FALSE(choose_esp(esp_ours(), with, 0, true).ok());
  EXPECT_EQ(choose_esp(esp_ours(), without, 0, true)->suite.group, 0);
  EXPECT_EQ(choose_esp(esp_ours(), optional, 0, true)->answer.transforms,
            (std::vector{encr(20, 256), dh(0), esn(1)}));
}

TEST(ChooseEsp, StrangersArePassedOver) {
  EXPECT_FALSE(
      choose_esp(esp_ours(), std::vector{esp({encr(20, 256), prf(5), esn(1)})}, 0, false).ok());
  EXPECT_FALSE(
      choose_esp(esp_ours(), std::vector{esp({encr(20, 256), integ(12), esn(1)})}, 0, false).ok());
  EXPECT_TRUE(
      choose_esp(esp_ours(), std::vector{esp({encr(20, 256), integ(0), esn(1)})}, 0, false).ok());
  Proposal ah = esp({encr(20, 256), esn(1)});
  ah.protocol = ProtocolId::kAh;
  EXPECT_FALSE(choose_esp(esp_ours(), {&ah, 1}, 0, false).ok());
}

// --- judging the answer ---

TEST(Accept, WhatWasChosenFromOurOffer) {
  const auto offered = make_ike_proposals(kOurs, 0);
  const auto c = choose_ike(kOurs, offered, 0, false);
  const auto a = accept_ike(offered, {&c->answer, 1});
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(a->suite, c->suite);
}

TEST(Accept, AnyChangeIsRefused) {
  const auto offered = make_ike_proposals(kOurs, 0);
  const Proposal good = ike({encr(12, 128), prf(5), integ(12), dh(14)}, 2);
  const auto accepts = [&](auto change) {
    std::vector<Proposal> answer{good};
    change(answer);
    return accept_ike(offered, answer).ok();
  };
  EXPECT_TRUE(accepts([](auto&) {}));
  EXPECT_FALSE(accepts([](auto& a) { a.clear(); }));
  EXPECT_FALSE(accepts([](auto& a) { a.push_back(a[0]); }));
  EXPECT_FALSE(accepts([](auto& a) { a[0].number = 1; }));
  EXPECT_FALSE(accepts([](auto& a) { a[0].number = 3; }));
  EXPECT_FALSE(accepts([](auto& a) { a[0].protocol = ProtocolId::kEsp; }));
  EXPECT_FALSE(accepts([](auto& a) { a[0].set_ike_spi(1); }));
  EXPECT_FALSE(accepts([](auto& a) { a[0].usable = false; }));
  for (std::size_t i = 0; i < good.transforms.size(); ++i) {
    EXPECT_FALSE(accepts([i](auto& a) { a[0].transforms[i].id = 99; })) << i;
    EXPECT_FALSE(accepts([i](auto& a) { a[0].transforms[i].key_bits ^= 384; })) << i;
    EXPECT_FALSE(accepts([i](auto& a) { a[0].transforms[i].usable = false; })) << i;
    EXPECT_FALSE(accepts([i](auto& a) { a[0].transforms.push_back(a[0].transforms[i]); })) << i;
    EXPECT_FALSE(accepts([i](auto& a) {
      a[0].transforms.erase(a[0].transforms.begin() + static_cast<long>(i));
    })) << i;
  }
  // Two of one type, each of them offered.
  EXPECT_FALSE(accepts([](auto& a) { a[0].transforms.push_back(prf(6)); }));
}

// Our own two halves agree for every pair of configurations they can agree on at all.
TEST(Accept, ChoiceAndJudgementAgree) {
  Dice dice(5);
  const auto some = [&dice](std::initializer_list<uint16_t> all) {
    std::vector<uint16_t> out;
    for (const uint16_t v : all)
      if (dice.below(2) != 0)
        out.insert(out.begin() + dice.below(static_cast<uint32_t>(out.size() + 1)), v);
    return out;
  };
  const auto transforms = [&] {
    IkeTransforms t{{}, some({12, 13, 14}), some({5, 6, 7}), some({14, 19, 20, 31})};
    for (const auto e : {IkeTransforms::Encryption{12, 128}, IkeTransforms::Encryption{12, 256},
                         IkeTransforms::Encryption{20, 128}, IkeTransforms::Encryption{20, 256}})
      if (dice.below(2) != 0) t.encryption.push_back(e);
    return t;
  };
  unsigned agreed = 0;
  for (int i = 0; i < 5000; ++i) {
    const IkeTransforms a = transforms(), b = transforms();
    const auto offered = make_ike_proposals(a, 0);
    const auto ours = make_ike_proposals(b, 0);
    const auto c = choose_ike(b, offered, 0, false);
    const std::string why = explain_mismatch(ours, offered);
    EXPECT_FALSE(why.empty());
    if (!c.ok()) continue;
    ++agreed;
    const auto accepted = accept_ike(offered, {&c->answer, 1});
    ASSERT_TRUE(accepted.ok());
    EXPECT_EQ(accepted->suite, c->suite);
    // What we chose is something the other end would have chosen from us as well.
    EXPECT_TRUE(choose_ike(a, ours, 0, false).ok());
  }
  EXPECT_GT(agreed, 500u);
}

// --- explaining ---

TEST(Explain, NamesBothSides) {
  const auto ours = make_ike_proposals(kOurs, 0);
  EXPECT_EQ(explain_mismatch(ours, std::vector{ike({encr(20, 256), prf(6), dh(2)})}),
            "DH: peer offers MODP-1024, configured ECP-384, MODP-2048");
  EXPECT_EQ(explain_mismatch(ours, std::vector{ike({encr(3), integ(2), prf(6), dh(14)})}),
            "ENCR: peer offers 3DES, configured AES256-GCM-16, AES-CBC-128; "
            "INTEG: peer offers HMAC-SHA1-96, configured HMAC-SHA2-256-128, HMAC-SHA2-512-256");
  EXPECT_EQ(explain_mismatch(ours, {}), "peer offers no proposal");
  EXPECT_EQ(explain_mismatch({}, ours), "no usable proposal is configured");
}

TEST(Explain, CombinationsAndStrangeTypes) {
  const auto ours = make_ike_proposals(kOurs, 0);
  EXPECT_NE(explain_mismatch(ours, std::vector{ike({encr(20, 256), integ(12), prf(6), dh(14)})})
                .find("no single proposal"),
            std::string::npos);
  EXPECT_NE(
      explain_mismatch(ours, std::vector{ike({encr(20, 256), prf(6), dh(14), {T{6}, 36, 0, true}})})
          .find("TRANSFORM-6"),
      std::string::npos);
}

TEST(Explain, IsBoundedWhateverThePeerSends) {
  std::vector<Proposal> many;
  for (unsigned i = 0; i < 255; ++i) {
    Proposal p = ike({}, static_cast<uint8_t>(i + 1));
    for (unsigned k = 0; k < 255; ++k)
      p.transforms.push_back(encr(static_cast<uint16_t>(i * 255 + k), 7));
    many.push_back(p);
  }
  EXPECT_LT(explain_mismatch(make_ike_proposals(kOurs, 0), many).size(), 1000u);
}

}  // namespace
}  // namespace kanmon::ike
