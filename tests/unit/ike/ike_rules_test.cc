// Which payloads a message must have (IKE-12, IKE-41): the lists of RFC 7296 sections 1.2 to 1.5,
// with every payload dropped once and doubled once.
#include <gtest/gtest.h>

#include "control/ike/wire/rules.h"
#include "tests/unit/ike/support.h"

namespace kanmon::ike {
namespace {

using P = PayloadType;

struct Part {
  P type;
  bool required = true;
};

// A message as the RFC draws it. Bodies are just enough for shape_of().
struct Drawn {
  const char* name;
  Shape shape;
  ExchangeType exchange;
  bool response;
  std::vector<Part> parts;
  uint16_t notify = 0;   // type of the notify payloads
  uint8_t protocol = 0;  // of the SA payload: 1 IKE, 3 ESP
};

const Drawn kDrawn[] = {
    {"InitRequest",
     Shape::kInitRequest,
     ExchangeType::kIkeSaInit,
     false,
     {{P::kSa}, {P::kKe}, {P::kNonce}},
     16388,
     1},
    {"InitResponse",
     Shape::kInitResponse,
     ExchangeType::kIkeSaInit,
     true,
     {{P::kSa}, {P::kKe}, {P::kNonce}},
     16388,
     1},
    {"Cookie", Shape::kInitRefused, ExchangeType::kIkeSaInit, true, {{P::kNotify}}, 16390, 1},
    {"InvalidKe", Shape::kInitRefused, ExchangeType::kIkeSaInit, true, {{P::kNotify}}, 17, 1},
    {"AuthRequest",
     Shape::kAuthRequest,
     ExchangeType::kIkeAuth,
     false,
     {{P::kIdi}, {P::kIdr, false}, {P::kAuth}, {P::kSa}, {P::kTsi}, {P::kTsr}},
     16384,
     3},
    {"AuthResponse",
     Shape::kAuthResponse,
     ExchangeType::kIkeAuth,
     true,
     {{P::kIdr}, {P::kAuth}, {P::kSa}, {P::kTsi}, {P::kTsr}},
     16386,
     3},
    {"AuthNoChild",
     Shape::kAuthNoChild,
     ExchangeType::kIkeAuth,
     true,
     {{P::kIdr}, {P::kAuth}, {P::kNotify}},
     38,
     3},
    {"AuthRefused", Shape::kAuthRefused, ExchangeType::kIkeAuth, true, {{P::kNotify}}, 24, 3},
    {"ChildRequest",
     Shape::kChildRequest,
     ExchangeType::kCreateChildSa,
     false,
     {{P::kSa}, {P::kNonce}, {P::kKe, false}, {P::kTsi}, {P::kTsr}},
     16393,
     3},
    {"ChildResponse",
     Shape::kChildResponse,
     ExchangeType::kCreateChildSa,
     true,
     {{P::kSa}, {P::kNonce}, {P::kKe, false}, {P::kTsi}, {P::kTsr}},
     16386,
     3},
    {"RekeyIkeRequest",
     Shape::kRekeyIkeRequest,
     ExchangeType::kCreateChildSa,
     false,
     {{P::kSa}, {P::kNonce}, {P::kKe}},
     16384,
     1},
    {"RekeyIkeResponse",
     Shape::kRekeyIkeResponse,
     ExchangeType::kCreateChildSa,
     true,
     {{P::kSa}, {P::kNonce}, {P::kKe}},
     16384,
     1},
    {"CreateRefused",
     Shape::kCreateRefused,
     ExchangeType::kCreateChildSa,
     true,
     {{P::kNotify}},
     43,
     3},
    {"Liveness", Shape::kInformational, ExchangeType::kInformational, false, {}, 16384, 3},
    {"DeleteRequest",
     Shape::kInformational,
     ExchangeType::kInformational,
     false,
     {{P::kDelete, false}},
     16384,
     3},
};

class Rules : public ::testing::TestWithParam<Drawn> {
 protected:
  const Drawn& d = GetParam();
  Header header = header_of(d.exchange, d.response);

  Octets body_of(P type) const {
    if (type == P::kNotify)
      return {0, 0, static_cast<uint8_t>(d.notify >> 8), static_cast<uint8_t>(d.notify)};
    if (type == P::kSa) return {0, 0, 0, 16, 1, d.protocol, 0, 1, 0, 0, 0, 8, 1, 0, 0, 20};
    return Octets(20, 1);
  }

  // The chain of those payloads; `inside_` keeps its octets.
  const Chain& chain(const std::vector<P>& types) {
    MessageBuilder b(header);
    for (const P type : types) b.raw(type, body_of(type));
    inside_ = b.plain().value();
    EXPECT_FALSE(chain_of(inside_, chain_));
    return chain_;
  }

  std::vector<P> all() const {
    std::vector<P> types;
    for (const Part& part : d.parts) types.push_back(part.type);
    return types;
  }

 private:
  Octets inside_;
  Chain chain_;
};

TEST_P(Rules, AsDrawn) {
  const Chain& c = chain(all());
  EXPECT_EQ(shape_of(header, c), d.shape) << to_string(shape_of(header, c));
  EXPECT_FALSE(check_payloads(d.shape, c));
  EXPECT_EQ(must_be_encrypted(d.shape), d.exchange != ExchangeType::kIkeSaInit);
}

TEST_P(Rules, DropOne) {
  for (std::size_t i = 0; i < d.parts.size(); ++i) {
    std::vector<P> types = all();
    types.erase(types.begin() + static_cast<long>(i));
    const Verdict v = check_payloads(d.shape, chain(types));
    ASSERT_EQ(v.has_value(), d.parts[i].required) << to_string(d.parts[i].type);
    if (!v) continue;
    EXPECT_EQ(v->notify, NotifyType::kInvalidSyntax);
    EXPECT_EQ(v->payload, d.parts[i].type);
    EXPECT_STREQ(v->why, "missing");
    // Whatever shape is recognised instead, no payload it needs may be missing either.
    const Shape other = shape_of(header, chain(types));
    EXPECT_TRUE(other != d.shape || check_payloads(other, chain(types)));
  }
}

TEST_P(Rules, DoubleOne) {
  for (const Part& part : d.parts) {
    std::vector<P> types = all();
    types.push_back(part.type);
    const Verdict v = check_payloads(d.shape, chain(types));
    const bool many = part.type == P::kNotify || part.type == P::kDelete;
    ASSERT_EQ(v.has_value(), !many) << to_string(part.type);
    if (!v) continue;
    EXPECT_EQ(v->payload, part.type);
    EXPECT_STREQ(v->why, "duplicate");
  }
}

// Every known payload type in every message: harmless, drawn, or refused by name.
TEST_P(Rules, AddAnyOther) {
  for (unsigned n = 0; n <= 0xff; ++n) {
    const auto type = static_cast<P>(n);
    if (!is_known(type) || type == P::kSk || type == P::kSkf) continue;
    std::vector<P> types = all();
    bool drawn = d.shape == Shape::kInformational && type == P::kDelete;
    drawn |= d.shape == Shape::kAuthRefused && type == P::kIdr;
    for (const P have : types) drawn |= have == type;
    if (drawn) continue;
    types.push_back(type);
    const bool harmless = type == P::kNotify || type == P::kVendorId || type == P::kCert ||
                          type == P::kCertReq || type == P::kCp || type == P::kEap;
    const Verdict v = check_payloads(d.shape, chain(types));
    EXPECT_EQ(!v, harmless) << to_string(type);
    EXPECT_TRUE(!v || v->payload == type);
  }
}

TEST_P(Rules, AMalformedNotifySpoilsIt) {
  MessageBuilder b(header);
  for (const P type : all()) b.raw(type, body_of(type));
  b.raw(P::kNotify, hex("0005400900"));
  const Octets message = b.plain().value();
  Chain c;
  ASSERT_FALSE(chain_of(message, c));
  EXPECT_EQ(check_payloads(d.shape, c)->payload, P::kNotify);
}

INSTANTIATE_TEST_SUITE_P(Messages, Rules, ::testing::ValuesIn(kDrawn),
                         [](const auto& row) { return row.param.name; });

TEST(RulesTable, HasOneRowAPair) {
  const auto rules = payload_rules();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    EXPECT_LE(rules[i].min, rules[i].max);
    for (std::size_t k = 0; k < i; ++k)
      EXPECT_FALSE(rules[i].shape == rules[k].shape && rules[i].payload == rules[k].payload);
  }
}

TEST(RulesTable, EveryExchangeTypeHasAShapeOrNone) {
  const Chain none;
  for (unsigned n = 0; n <= 0xff; ++n) {
    for (const bool response : {false, true}) {
      const Header h = header_of(static_cast<ExchangeType>(n), response);
      const Shape shape = shape_of(h, none);
      EXPECT_EQ(shape == Shape::kUnknown, n < 34 || n > 37);
      EXPECT_STRNE(to_string(shape), "");
      EXPECT_TRUE(shape != Shape::kUnknown || check_payloads(shape, none));
    }
  }
}

// --- the outside ---

Verdict outside(ExchangeType exchange, std::initializer_list<P> types) {
  MessageBuilder b(header_of(exchange));
  for (const P type : types) b.raw(type, Octets(40));
  const Octets message = b.plain().value();
  Chain c;
  if (Verdict v = chain_of(message, c)) return v;
  return check_outside(header_of(exchange), c);
}

TEST(Outside, InitIsClear) {
  EXPECT_FALSE(outside(ExchangeType::kIkeSaInit, {P::kSa, P::kKe, P::kNonce}));
  EXPECT_TRUE(outside(ExchangeType::kIkeSaInit, {P::kSk}));
  EXPECT_TRUE(outside(ExchangeType::kIkeSaInit, {P::kSa, P::kSkf}));
}

// Past bugs: payloads beside a fragment are stored; a message in clear is processed.
TEST(Outside, AllElseIsOneSk) {
  for (const ExchangeType e : {ExchangeType::kIkeAuth, ExchangeType::kCreateChildSa,
                               ExchangeType::kInformational, static_cast<ExchangeType>(240)}) {
    EXPECT_FALSE(outside(e, {P::kSk}));
    EXPECT_FALSE(outside(e, {P::kSkf}));
    EXPECT_STREQ(outside(e, {})->why, "missing");
    EXPECT_STREQ(outside(e, {P::kNotify})->why, "missing");
    EXPECT_STREQ(outside(e, {P::kNotify, P::kSk})->why, "outside of SK");
    EXPECT_STREQ(outside(e, {P::kVendorId, P::kSkf})->why, "outside of SK");
    EXPECT_TRUE(outside(e, {P::kSk, P::kNotify}));
  }
}

}  // namespace
}  // namespace kanmon::ike
