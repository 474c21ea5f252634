// Framing, NOTIFICATION and ROUTE-REFRESH: BGP-01, BGP-09, BGP-18. RFC 4271 section 6.1, RFC 8654,
// RFC 7313 section 5, RFC 8538, RFC 9003.
#include <gtest/gtest.h>

#include "control/bgp/wire/message.h"
#include "control/bgp/wire/refresh.h"
#include "tests/unit/bgp/support.h"

namespace kanmon::bgp {
namespace {

// Shortest and longest per type, from RFC 4271 section 6.1, RFC 2918 section 3 and RFC 8654
// section 4.
struct Border {
  uint8_t type;
  std::size_t shortest, longest, longest_extended;
};
constexpr Border kBorders[] = {
    {1, 29, 4096, 4096}, {2, 23, 4096, 65535}, {3, 21, 4096, 65535},
    {4, 19, 19, 19},     {5, 23, 4096, 65535},
};

Verdict header_of(uint8_t type, uint16_t length, std::size_t longest) {
  Frame frame;
  Octets header = raw_message(type, {}, 1);
  store_be<uint16_t>(header.data() + 16, length);
  return next_message(header, longest, frame);
}

TEST(BgpMessage, Bgp01EveryLengthOfEveryType) {
  for (const Border& b : kBorders)
    for (const bool extended : {false, true})
      for (unsigned length = 0; length <= 0xffff; ++length) {
        const auto l = static_cast<uint16_t>(length);
        const Verdict v = header_of(b.type, l, extended ? kMaxExtendedMessage : kMaxMessage);
        const bool is_good =
            length >= b.shortest && length <= (extended ? b.longest_extended : b.longest);
        ASSERT_EQ(!v, is_good) << int{b.type} << " " << length << " " << extended;
        if (is_good) continue;
        const Notification wanted{
            1, 2, {static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)}};
        ASSERT_EQ(*v, wanted);
      }
}

TEST(BgpMessage, Bgp01EveryType) {
  for (unsigned type = 0; type <= 255; ++type) {
    const Verdict v = header_of(static_cast<uint8_t>(type), 29, kMaxMessage);
    if (type >= 1 && type <= 5 && type != 4) {
      EXPECT_FALSE(v) << type;
    } else if (type == 4) {
      EXPECT_EQ(v->subcode, 2);
    } else {
      const Notification wanted{1, 3, {static_cast<uint8_t>(type)}};
      EXPECT_EQ(v, wanted);
    }
  }
}

TEST(BgpMessage, Bgp01EveryBitOfTheMarker) {
  for (unsigned bit = 0; bit < 128; ++bit) {
    Octets m = keepalive();
    m[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    Frame frame;
    const Notification wanted{1, 1, {}};
    EXPECT_EQ(next_message(m, kMaxMessage, frame), wanted);
  }
}

TEST(BgpMessage, WaitsForTheRestAndTakesNoMore) {
  const Octets m = raw_message(2, Octets(4 + 100));
  for (std::size_t n = 0; n <= m.size() + 5; ++n) {
    Octets stream = m + keepalive();
    stream.resize(n);
    Frame frame;
    ASSERT_FALSE(next_message(stream, kMaxMessage, frame));
    ASSERT_EQ(frame.size, n < m.size() ? 0 : m.size()) << n;
    ASSERT_EQ(frame.body.size(), n < m.size() ? 0 : m.size() - 19);
  }
  EXPECT_EQ(keepalive(), raw_message(4, {}));
}

TEST(BgpNotification, RoundTripAndTruncation) {
  const Notification n{2, 6, hex("0102")};
  EXPECT_EQ(encode(n), raw_message(3, hex("02 06 0102")));
  EXPECT_EQ(parse_notification(body_of(encode(n))).value(), n);
  EXPECT_FALSE(parse_notification(hex("02")).ok());
  EXPECT_FALSE(parse_notification({}).ok());
}

TEST(BgpNotification, Bgp09DataFitsTheMessage) {
  const Notification n{3, 9, Octets(70000, 7)};
  EXPECT_EQ(encode(n).size(), 4096u);
  EXPECT_EQ(encode(n, kMaxExtendedMessage).size(), 65535u);
  Frame frame;
  EXPECT_FALSE(next_message(encode(n), kMaxMessage, frame));
  EXPECT_EQ(frame.size, 4096u);
}

Notification shutdown(uint8_t subcode, const Octets& data) {
  return {6, subcode, data};
}

TEST(BgpNotification, Bgp09ShutdownTextIsCheckedAndCleaned) {
  const Octets hello = {5, 'h', 'e', 'l', 'l', 'o'};
  EXPECT_EQ(shutdown_text(shutdown(2, hello)), "hello");
  EXPECT_EQ(shutdown_text(shutdown(4, hello)), "hello");
  EXPECT_EQ(shutdown_text(shutdown(3, hello)), "");  // not a subcode with a text
  EXPECT_EQ(shutdown_text(shutdown(2, {})), "");
  EXPECT_EQ(shutdown_text(shutdown(2, {0})), "");
  EXPECT_EQ(shutdown_text(shutdown(2, {6, 'h', 'e', 'l', 'l', 'o'})), "malformed text");
  EXPECT_EQ(shutdown_text(shutdown(2, {255})), "malformed text");
  // What lies behind the text is not shown; control characters and broken UTF-8 are made visible.
  EXPECT_EQ(shutdown_text(shutdown(2, {1, 'a', 'b'})), "a");
  EXPECT_EQ(shutdown_text(shutdown(2, {4, 0x1b, '[', 0xff, '\n'})), "\\x1b[\\xff\\n");
  EXPECT_EQ(shutdown_text(shutdown(2, Octets{255} + Octets(255, 0xff))).size(), 4 * 255u);
  EXPECT_EQ(shutdown_text(Notification::hard_reset(shutdown(2, hello))), "hello");
}

TEST(BgpNotification, Bgp09OurTextIsCutBetweenCharacters) {
  EXPECT_EQ(Notification::cease(Cease::kShutdown, "bye").data, (Octets{3, 'b', 'y', 'e'}));
  EXPECT_EQ(Notification::cease(Cease::kShutdown, "").data, Octets{});
  const Notification n =
      Notification::cease(Cease::kReset, std::string(254, 'x') + "\xc3\xa4\xc3\xa4");
  EXPECT_EQ(n.data.size(), 255u);
  EXPECT_EQ(n.data[0], 254);
}

TEST(BgpNotification, HardResetCarriesTheReason) {
  const Notification inner = Notification::cease(Cease::kReset, "why");
  const Notification outer = Notification::hard_reset(inner);
  EXPECT_TRUE(outer.is(Cease::kHardReset));
  EXPECT_EQ(unwrapped(outer), inner);
  const Notification empty{6, 9, {1}};
  EXPECT_EQ(unwrapped(empty), empty);
}

TEST(BgpNotification, Names) {
  EXPECT_EQ(to_string(Notification{6, 2, {}}), "cease/administrative-shutdown");
  EXPECT_EQ(to_string(Notification{4, 0, {}}), "hold-timer-expired");
  EXPECT_EQ(to_string(Notification{5, 1, {}}), "fsm/unexpected-in-open-sent");
  EXPECT_EQ(to_string(Notification{6, 77, {}}), "cease/77");
  EXPECT_EQ(to_string(Notification{99, 1, {}}), "99/1");
}

TEST(BgpRefresh, Bgp18RoundTrip) {
  const Refresh sent{Refresh::Kind::kEnd, wire::Family::kV6};
  EXPECT_EQ(encode(sent), raw_message(5, hex("0002 02 01")));
  std::optional<Refresh> got;
  EXPECT_FALSE(parse_refresh(body_of(encode(sent)), true, got));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->kind, sent.kind);
  EXPECT_EQ(got->family, sent.family);
}

// RFC 7313 section 5: subtype, octets in the body, what comes of it.
TEST(BgpRefresh, Bgp18EveryLengthOfEverySubtype) {
  for (unsigned subtype = 0; subtype <= 255; ++subtype)
    for (std::size_t size = 4; size < 40; ++size) {
      Octets body = hex("0001 00 01");
      body[2] = static_cast<uint8_t>(subtype);
      body.resize(size);
      std::optional<Refresh> got;
      const Verdict v = parse_refresh(body, true, got);
      ASSERT_EQ(got.has_value(), subtype <= 2 && size == 4);
      if (size == 4 || subtype > 2) {
        ASSERT_FALSE(v);
      } else if (subtype == 0) {
        ASSERT_EQ(v, (Notification{1, 2, {0, static_cast<uint8_t>(19 + size)}}));
      } else {
        ASSERT_EQ(v, (Notification{7, 1, raw_message(5, body)}));
      }
    }
}

TEST(BgpRefresh, Bgp18WithoutTheCapabilityTheSubtypeIsReserved) {
  std::optional<Refresh> got;
  EXPECT_FALSE(parse_refresh(hex("0001 02 01"), false, got));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->kind, Refresh::Kind::kRequest);
}

TEST(BgpRefresh, Bgp19OtherFamiliesAreIgnored) {
  std::optional<Refresh> got;
  for (const char* body : {"0001 00 80", "0019 00 46", "0000 00 01", "0003 00 01"}) {
    EXPECT_FALSE(parse_refresh(hex(body), true, got));
    EXPECT_FALSE(got) << body;
  }
}

}  // namespace
}  // namespace kanmon::bgp
