// Whole messages: built, sealed, opened, damaged, split and put together again (IKE-04, IKE-13).
#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "control/ike/fragment.h"
#include "control/ike/proposal.h"
#include "control/ike/ts.h"
#include "control/ike/wire/message.h"
#include "control/ike/wire/rules.h"
#include "tests/unit/ike/support.h"

namespace kanmon::ike {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{};

IkeTransforms some_transforms() {
  return {{{20, 256}, {12, 128}}, {12, 14}, {5, 6}, {31, 19, 14}};
}

Octets init_request() {
  MessageBuilder b(header_of(ExchangeType::kIkeSaInit));
  b.sa(make_ike_proposals(some_transforms(), 0))
      .ke(31, Octets(32, 9))
      .nonce(Octets(32, 7))
      .notify(NotifyType::kNatDetectionSourceIp, Octets(20, 1))
      .notify(NotifyType::kIkev2FragmentationSupported)
      .raw(PayloadType::kVendorId, hex("0102"));
  return b.plain().value();
}

MessageBuilder auth_request() {
  const std::array<sa::Selector, 2> ts{net("10.0.0.0/8"), net("2001:db8::/32")};
  EspTransforms esp;
  esp.algorithms = {esp::Algorithm::kAes256Gcm16};
  MessageBuilder b(header_of(ExchangeType::kIkeAuth, false, 1));
  b.id(PayloadType::kIdi, Identity::parse("left.example"))
      .id(PayloadType::kIdr, Identity::parse("192.0.2.2"))
      .auth(AuthMethod::kSharedKey, Octets(32, 3))
      .sa(make_esp_proposals(esp, 0xc0ffee01, false))
      .ts(PayloadType::kTsi, ts)
      .ts(PayloadType::kTsr, ts)
      .notify(NotifyType::kInitialContact);
  return b;
}

TEST(Build, InitRequestReadsBack) {
  const Octets message = init_request();
  const Header h = parse_header(message).value();
  EXPECT_EQ(h.length, message.size());
  Chain c;
  ASSERT_FALSE(chain_of(message, c));
  EXPECT_FALSE(check_outside(h, c));
  EXPECT_FALSE(check_payloads(shape_of(h, c), c));
  EXPECT_EQ(parse_sa(c.find(PayloadType::kSa)->body).value(),
            make_ike_proposals(some_transforms(), 0));
  EXPECT_EQ(parse_ke(c.find(PayloadType::kKe)->body)->group, 31);
  EXPECT_TRUE(find_notify(c, NotifyType::kIkev2FragmentationSupported));
}

TEST(Build, EveryTruncationOfAWholeMessage) {
  const Octets message = init_request();
  for (std::size_t n = 0; n < message.size(); ++n) {
    Octets cut(message.begin(), message.begin() + static_cast<long>(n));
    ASSERT_FALSE(parse_header(cut).ok());
    if (n < 28) continue;
    store_be<uint32_t>(cut.data() + 24, static_cast<uint32_t>(n));
    Chain c;
    ASSERT_TRUE(chain_of(cut, c)) << n;
  }
}

TEST(Build, NeverTruncates) {
  MessageBuilder b(header_of(ExchangeType::kInformational));
  for (int i = 0; i < 40; ++i) b.raw(PayloadType::kVendorId, Octets(1000));
  auto cipher = cipher_of(20, 128, 0);
  Dice dice(1);
  EXPECT_EQ(b.plain().error().code, Errc::kNoSpace);
  EXPECT_EQ(b.sealed(cipher, dice.fn()).error().code, Errc::kNoSpace);
  EXPECT_EQ(b.fragmented(cipher, dice.fn(), 1200).error().code, Errc::kNoSpace);
  const Selectors many(256, net("10.0.0.0/8"));
  EXPECT_FALSE(
      MessageBuilder(header_of(ExchangeType::kIkeAuth)).ts(PayloadType::kTsi, many).plain().ok());
}

TEST(Build, CriticalBit) {
  MessageBuilder b(header_of(ExchangeType::kInformational));
  const Octets message = b.raw(static_cast<PayloadType>(200), {}, true).plain().value();
  Chain c;
  EXPECT_EQ(chain_of(message, c)->notify, NotifyType::kUnsupportedCriticalPayload);
}

struct Suite {
  uint16_t encryption, key_bits, integrity;
};
class Sealing : public ::testing::TestWithParam<Suite> {
 protected:
  SkCipher cipher = cipher_of(GetParam().encryption, GetParam().key_bits, GetParam().integrity);
  Dice dice{7383};

  Verdict open(const Octets& message, Opened& out) {
    Chain c;
    if (Verdict v = chain_of(message, c)) return v;
    if (Verdict v = check_outside(parse_header(message).value(), c)) return v;
    return open_message(message, c, cipher, out);
  }
};
INSTANTIATE_TEST_SUITE_P(All, Sealing,
                         ::testing::Values(Suite{12, 128, 12}, Suite{12, 256, 14},
                                           Suite{20, 128, 0}, Suite{20, 256, 0}));

TEST_P(Sealing, AuthRequestReadsBack) {
  const Octets message = auth_request().sealed(cipher, dice.fn()).value();
  Opened in;
  ASSERT_FALSE(open(message, in));
  const Header h = parse_header(message).value();
  EXPECT_EQ(shape_of(h, in.chain), Shape::kAuthRequest);
  EXPECT_FALSE(check_payloads(Shape::kAuthRequest, in.chain));
  EXPECT_EQ(parse_id(in.chain.find(PayloadType::kIdr)->body)->to_string(), "192.0.2.2");
  EXPECT_EQ(parse_ts(in.chain.find(PayloadType::kTsi)->body)->size(), 2u);
  const Opened moved = std::move(in);
  EXPECT_TRUE(find_notify(moved.chain, NotifyType::kInitialContact));
}

TEST_P(Sealing, LivenessIsAnEmptySk) {
  MessageBuilder b(header_of(ExchangeType::kInformational, false, 7));
  Opened in;
  ASSERT_FALSE(open(b.sealed(cipher, dice.fn()).value(), in));
  EXPECT_TRUE(in.chain.empty());
}

TEST_P(Sealing, EveryBitOfTheMessageIsProtected) {
  const Octets message = auth_request().sealed(cipher, dice.fn()).value();
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Octets bad = message;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto h = parse_header(bad);
    if (!h.ok()) continue;
    Opened in;
    const Verdict v = open(bad, in);
    ASSERT_TRUE(v) << bit;
    // The outside of another type is refused before; what gets to the cipher is dropped silently.
    const bool reaches_cipher = h->next == PayloadType::kSk &&
                                h->exchange != ExchangeType::kIkeSaInit && bit / 8 != 30 &&
                                bit / 8 != 31;
    ASSERT_TRUE(!reaches_cipher || v->notify == NotifyType::kNone) << bit;
  }
}

// What an authenticated peer gets wrong inside is INVALID_SYNTAX, by name.
TEST_P(Sealing, MalformedInsideIsNamed) {
  for (std::size_t cut = 1; cut < 30; ++cut) {
    const Octets whole = auth_request().plain().value();
    const wire::Bytes inside = wire::Bytes(whole).subspan(28, whole.size() - 28 - cut);
    Octets m(32 + cipher.sealed_bytes(inside.size()));
    wire::Writer w(m);
    Header h = header_of(ExchangeType::kIkeAuth, false, 1);
    h.next = PayloadType::kSk;
    h.length = static_cast<uint32_t>(m.size());
    write_header(w, h);
    w.u8(static_cast<uint8_t>(PayloadType::kIdi));
    w.u8(0);
    w.u16(static_cast<uint16_t>(m.size() - 28));
    w.fill(0, cipher.iv_bytes());
    w.put(inside);
    ASSERT_TRUE(cipher.seal(m, 32, inside.size(), dice.fn()).ok());
    Opened in;
    const Verdict v = open(m, in);
    ASSERT_TRUE(v);
    EXPECT_EQ(v->notify, NotifyType::kInvalidSyntax);
  }
}

// --- fragments (RFC 7383) ---

class Fragments : public Sealing {
 protected:
  Reassembler reassembler;
  TimePoint now = kStart;

  std::vector<Octets> split(std::size_t limit, uint32_t id = 1) {
    MessageBuilder b(header_of(ExchangeType::kIkeAuth, false, id));
    for (int i = 0; i < 30; ++i) b.raw(PayloadType::kVendorId, Octets(40, static_cast<uint8_t>(i)));
    auto messages = b.fragmented(cipher, dice.fn(), limit);
    EXPECT_TRUE(messages.ok());
    return std::move(*messages);
  }
  Reassembler::Step add(const Octets& message) {
    Chain c;
    EXPECT_FALSE(chain_of(message, c));
    return reassembler.add(now, message, parse_header(message).value(), c, cipher);
  }
  Reassembler::Outcome outcome(const Octets& message) { return add(message).outcome; }
};
using Outcome = Reassembler::Outcome;
INSTANTIATE_TEST_SUITE_P(All, Fragments, ::testing::Values(Suite{12, 128, 12}, Suite{20, 256, 0}));

TEST_P(Fragments, SplitOnlyIfTheMessageDoesNotFit) {
  const Octets whole = auth_request().sealed(cipher, dice.fn()).value();
  const auto same = auth_request().fragmented(cipher, dice.fn(), whole.size());
  ASSERT_EQ(same->size(), 1u);
  EXPECT_EQ((*same)[0].size(), whole.size());
  EXPECT_EQ(parse_header((*same)[0])->next, PayloadType::kSk);
  EXPECT_EQ(auth_request().fragmented(cipher, dice.fn(), whole.size() - 1)->size(), 2u);
}

TEST_P(Fragments, KeepToTheLimitAndComeBackInAnyOrder) {
  for (const std::size_t limit :
       {std::size_t{120}, std::size_t{200}, std::size_t{576}, std::size_t{1280}}) {
    std::vector<Octets> parts = split(limit);
    ASSERT_GT(parts.size(), 1u);
    for (const Octets& part : parts) EXPECT_LE(part.size(), limit);
    for (std::size_t i = parts.size(); i > 1; --i)
      std::swap(parts[i - 1], parts[dice.below(static_cast<uint32_t>(i))]);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
      ASSERT_EQ(outcome(parts[i]), Outcome::kStored);
    const auto last = add(parts.back());
    ASSERT_EQ(last.outcome, Outcome::kComplete);
    EXPECT_FALSE(last.verdict);
    ASSERT_EQ(last.opened.chain.payloads().size(), 30u);
    for (std::size_t i = 0; i < 30; ++i)
      EXPECT_EQ(octets(last.opened.chain.payloads()[i].body), Octets(40, static_cast<uint8_t>(i)));
    EXPECT_EQ(reassembler.bytes(), 0u);
  }
}

TEST_P(Fragments, NamesTheFirstPayloadInTheFirstOnly) {
  const auto parts = split(200);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Chain c;
    ASSERT_FALSE(chain_of(parts[i], c));
    EXPECT_EQ(c.first_inside(), i == 0 ? PayloadType::kVendorId : PayloadType::kNone);
  }
}

TEST_P(Fragments, LimitsThatCannotWork) {
  EXPECT_EQ(auth_request().fragmented(cipher, dice.fn(), 0).error().code, Errc::kBadLength);
  EXPECT_EQ(auth_request().fragmented(cipher, dice.fn(), 60).error().code, Errc::kBadLength);
  MessageBuilder big(header_of(ExchangeType::kIkeAuth));
  for (int i = 0; i < 10; ++i) big.raw(PayloadType::kVendorId, Octets(1000));
  EXPECT_EQ(big.fragmented(cipher, dice.fn(), 200).error().code, Errc::kBadLength);  // > 64 of them
}

TEST_P(Fragments, DuplicatesCostNothing) {
  const auto parts = split(400);
  EXPECT_EQ(outcome(parts[0]), Outcome::kStored);
  EXPECT_EQ(outcome(parts[0]), Outcome::kDuplicate);
  Octets damaged = parts[0];
  damaged.back() ^= 1;
  EXPECT_EQ(outcome(damaged), Outcome::kDuplicate);  // before any cryptography
  EXPECT_EQ(outcome(parts[1]), Outcome::kStored);
}

TEST_P(Fragments, NothingUnauthenticIsStoredOrChangesAnything) {
  const auto parts = split(400);
  ASSERT_EQ(outcome(parts[0]), Outcome::kStored);
  const std::size_t before = reassembler.bytes();
  for (std::size_t bit = 32 * 8; bit < parts[1].size() * 8; ++bit) {
    Octets bad = parts[1];
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto step = add(bad);
    ASSERT_NE(step.outcome, Outcome::kStored) << bit;
    ASSERT_NE(step.outcome, Outcome::kComplete) << bit;
    ASSERT_TRUE(!step.verdict || step.verdict->notify == NotifyType::kNone);
    ASSERT_EQ(reassembler.bytes(), before);
  }
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) EXPECT_EQ(outcome(parts[i]), Outcome::kStored);
  EXPECT_EQ(outcome(parts.back()), Outcome::kComplete);
}

// Section 2.5.2: the sender found a smaller path MTU and fragments again.
TEST_P(Fragments, ALargerTotalStartsAnewASmallerOneIsStale) {
  const auto large = split(600), small = split(300);
  ASSERT_LT(large.size(), small.size());
  EXPECT_EQ(outcome(large[0]), Outcome::kStored);
  EXPECT_EQ(outcome(small[0]), Outcome::kStored);
  EXPECT_EQ(outcome(large[1]), Outcome::kStale);
  for (std::size_t i = 1; i + 1 < small.size(); ++i) EXPECT_EQ(outcome(small[i]), Outcome::kStored);
  EXPECT_EQ(outcome(small.back()), Outcome::kComplete);
}

TEST_P(Fragments, AnotherMessageIdStartsAnew) {
  const auto one = split(400, 1), two = split(400, 2);
  EXPECT_EQ(outcome(one[0]), Outcome::kStored);
  for (std::size_t i = 0; i + 1 < two.size(); ++i) EXPECT_EQ(outcome(two[i]), Outcome::kStored);
  EXPECT_EQ(outcome(two.back()), Outcome::kComplete);
}

TEST_P(Fragments, AgeEndsThem) {
  const auto parts = split(400);
  EXPECT_EQ(reassembler.deadline(), TimePoint::max());
  EXPECT_EQ(outcome(parts[0]), Outcome::kStored);
  EXPECT_EQ(reassembler.deadline(), kStart + Reassembler::kMaxAge);
  now = kStart + Reassembler::kMaxAge - 1ns;
  EXPECT_EQ(outcome(parts[0]), Outcome::kDuplicate);
  now = reassembler.deadline();
  reassembler.expire(now);
  EXPECT_EQ(reassembler.bytes(), 0u);
  EXPECT_EQ(outcome(parts[0]), Outcome::kStored);
}

// An authentic SKF message of any shape, for what an honest builder would not send.
Octets skf(SkCipher& cipher, Dice& dice, uint16_t number, uint16_t total, unsigned next,
           std::size_t size) {
  Octets m(36 + cipher.sealed_bytes(size));
  wire::Writer w(m);
  Header h = header_of(ExchangeType::kIkeAuth, false, 1);
  h.next = PayloadType::kSkf;
  h.length = static_cast<uint32_t>(m.size());
  write_header(w, h);
  w.u8(static_cast<uint8_t>(next));
  w.u8(0);
  w.u16(static_cast<uint16_t>(m.size() - 28));
  w.u16(number);
  w.u16(total);
  EXPECT_TRUE(cipher.seal(m, 36, size, dice.fn()).ok());
  return m;
}

// IKE-13: at most 64 fragments and 64 KiB for one SA, whatever an authenticated peer sends.
TEST_P(Fragments, MemoryIsBounded) {
  EXPECT_EQ(add(skf(cipher, dice, 1, 65, 41, 10)).verdict->error.code, Errc::kNoSpace);
  EXPECT_EQ(add(skf(cipher, dice, 1, 65535, 41, 10)).verdict->error.code, Errc::kNoSpace);
  bool refused = false;
  for (uint16_t n = 1; n <= 64; ++n) {
    const auto step = add(skf(cipher, dice, n, 64, n == 1 ? 41 : 0, 3000));
    refused |= step.outcome == Outcome::kRefused && step.verdict->error.code == Errc::kNoSpace;
    EXPECT_LE(reassembler.bytes(), Reassembler::kMaxBytes);
  }
  EXPECT_TRUE(refused);
}

TEST_P(Fragments, NumbersAndNextPayloadMustFit) {
  EXPECT_EQ(outcome(skf(cipher, dice, 0, 2, 41, 10)), Outcome::kRefused);
  EXPECT_EQ(outcome(skf(cipher, dice, 3, 2, 0, 10)), Outcome::kRefused);
  EXPECT_EQ(outcome(skf(cipher, dice, 1, 2, 0, 10)), Outcome::kRefused);
  EXPECT_EQ(outcome(skf(cipher, dice, 2, 2, 41, 10)), Outcome::kRefused);
  EXPECT_EQ(reassembler.bytes(), 0u);
}

TEST_P(Fragments, AnEmptyOneIsKeptAsReceived) {
  EXPECT_EQ(outcome(skf(cipher, dice, 1, 2, 41, 0)), Outcome::kStored);
  EXPECT_EQ(outcome(skf(cipher, dice, 1, 2, 41, 0)), Outcome::kDuplicate);
  const auto last = add(skf(cipher, dice, 2, 2, 0, 0));
  EXPECT_EQ(last.outcome, Outcome::kComplete);
  EXPECT_EQ(last.verdict->notify, NotifyType::kInvalidSyntax);  // a notify without octets
}

TEST_P(Fragments, AMessageWithoutSkfIsRefused) {
  const Octets whole = auth_request().sealed(cipher, dice.fn()).value();
  EXPECT_EQ(outcome(whole), Outcome::kRefused);
  Chain c;
  const auto parts = split(400);
  ASSERT_FALSE(chain_of(parts[0], c));
  Opened in;
  EXPECT_TRUE(open_message(parts[0], c, cipher, in));  // and SKF is no SK
}

}  // namespace
}  // namespace kanmon::ike
