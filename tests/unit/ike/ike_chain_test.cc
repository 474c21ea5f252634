// Header and payload chain (IKE-11): RFC 7296 sections 3.1, 3.2 and 2.5.
#include <gtest/gtest.h>

#include "control/ike/wire/chain.h"
#include "control/ike/wire/payloads.h"
#include "tests/unit/ike/support.h"

namespace kanmon::ike {
namespace {

// --- names: any value of any enum is printable (past bug: internal enum values on the wire) ---

TEST(Names, EverySixteenBitValue) {
  for (unsigned v = 0; v <= 0xffff; ++v) {
    const auto n = static_cast<uint16_t>(v);
    ASSERT_FALSE(to_string(static_cast<NotifyType>(n)).empty());
    for (unsigned type = 0; type <= 7; ++type)
      ASSERT_FALSE(transform_name(static_cast<TransformType>(type), n, n).empty());
  }
  EXPECT_EQ(to_string(static_cast<NotifyType>(40960)), "NOTIFY-40960");
  EXPECT_EQ(to_string(NotifyType::kNoProposalChosen), "NO_PROPOSAL_CHOSEN");
}

TEST(Names, EveryOctet) {
  unsigned known = 0;
  for (unsigned v = 0; v <= 0xff; ++v) {
    const auto n = static_cast<uint8_t>(v);
    known += is_known(static_cast<PayloadType>(n));
    ASSERT_FALSE(to_string(static_cast<PayloadType>(n)).empty());
    ASSERT_FALSE(to_string(static_cast<ExchangeType>(n)).empty());
    ASSERT_FALSE(to_string(static_cast<ProtocolId>(n)).empty());
    ASSERT_FALSE(to_string(static_cast<AuthMethod>(n)).empty());
    ASSERT_FALSE(to_string(static_cast<TransformType>(n)).empty());
  }
  EXPECT_EQ(known, 17u);  // 33 to 48 and 53
  EXPECT_EQ(to_string(static_cast<PayloadType>(99)), "PAYLOAD-99");
}

TEST(Names, Transforms) {
  EXPECT_EQ(transform_name(TransformType::kEncr, 20, 256), "AES256-GCM-16");
  EXPECT_EQ(transform_name(TransformType::kEncr, 12, 128), "AES-CBC-128");
  EXPECT_EQ(transform_name(TransformType::kEncr, 12), "AES-CBC");
  EXPECT_EQ(transform_name(TransformType::kEncr, 99, 256), "ENCR-99-256");
  EXPECT_EQ(transform_name(TransformType::kDh, 2), "MODP-1024");
}

// --- header ---

TEST(Header, ReadsWhatItWrote) {
  Header h = header_of(ExchangeType::kCreateChildSa, true, 0x01020304);
  h.next = PayloadType::kSk;
  h.minor = 3;
  h.length = 28;
  Octets bytes(28);
  wire::Writer w(bytes);
  write_header(w, h);
  EXPECT_EQ(bytes, hex("1122334455667788 99aabbccddeeff00 2e 23 24 20 01020304 0000001c"));
  EXPECT_EQ(*parse_header(bytes), h);
}

TEST(Header, EveryTruncationAndEveryWrongLength) {
  const Octets bytes = hex("1122334455667788 0000000000000000 21 20 22 08 00000000 0000001c");
  ASSERT_TRUE(parse_header(bytes).ok());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_EQ(parse_header(wire::Bytes(bytes).first(n)).error().code, Errc::kTruncated);
  for (unsigned length = 0; length < 0x10000; ++length) {
    if (length == 28) continue;
    Octets bad = bytes;
    store_be<uint32_t>(bad.data() + 24, length);
    ASSERT_EQ(parse_header(bad).error().code, Errc::kBadLength);
    store_be<uint32_t>(bad.data() + 24, 0x10000u * length + 28);
    ASSERT_EQ(parse_header(bad).ok(), length == 0);
  }
}

TEST(Header, VersionsAndFlagsAreReportedNotJudged) {
  Octets bytes = hex("1122334455667788 0000000000000000 21 20 22 08 00000000 0000001c");
  for (unsigned v = 0; v <= 0xff; ++v) {
    bytes[17] = static_cast<uint8_t>(v);
    bytes[19] = static_cast<uint8_t>(v);
    const auto h = parse_header(bytes);
    ASSERT_TRUE(h.ok());
    EXPECT_EQ(h->major, v >> 4);
    EXPECT_EQ(h->minor, v & 15);
    EXPECT_EQ(h->initiator, (v & 0x08) != 0);
    EXPECT_EQ(h->response, (v & 0x20) != 0);
  }
}

TEST(Header, AnInitiatorWithoutSpiIsRefused) {
  const Octets bytes = hex("0000000000000000 0000000000000001 21 20 22 08 00000000 0000001c");
  EXPECT_EQ(parse_header(bytes).error().code, Errc::kBadValue);
}

// --- chain ---

Verdict parse(const Octets& bytes, unsigned first, Chain& out) {
  return parse_chain(bytes, static_cast<PayloadType>(first), out);
}

TEST(Chain, ShowsPayloadsInPlace) {
  const Octets bytes = hex("28 00 0006 aabb  2900 0004  00 80 0007 010203");
  Chain chain;
  ASSERT_FALSE(parse(bytes, 34, chain));
  ASSERT_EQ(chain.payloads().size(), 3u);
  EXPECT_EQ(chain.payloads()[0].type, PayloadType::kKe);
  EXPECT_EQ(octets(chain.payloads()[0].body), hex("aabb"));
  EXPECT_EQ(chain.payloads()[1].type, PayloadType::kNonce);
  EXPECT_TRUE(chain.payloads()[1].body.empty());
  EXPECT_EQ(chain.payloads()[1].at, 6u);
  EXPECT_EQ(chain.payloads()[2].type, PayloadType::kNotify);
  EXPECT_TRUE(chain.payloads()[2].critical);  // and ignored, for the type is known
  EXPECT_EQ(chain.payloads()[2].body.data(), bytes.data() + 14);
  EXPECT_EQ(chain.encrypted(), nullptr);
}

TEST(Chain, NoPayloadsAtAll) {
  Chain chain;
  EXPECT_FALSE(parse({}, 0, chain));
  EXPECT_TRUE(chain.empty());
  EXPECT_TRUE(parse(hex("00"), 0, chain));
  EXPECT_TRUE(parse({}, 33, chain));
}

TEST(Chain, EveryTruncationIsInvalidSyntax) {
  const Octets bytes = hex("28000006aabb 29000004 00000007010203");
  Chain chain;
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const Verdict v = parse_chain(wire::Bytes(bytes).first(n), PayloadType::kKe, chain);
    ASSERT_TRUE(v) << n;
    EXPECT_EQ(v->notify, NotifyType::kInvalidSyntax);
    EXPECT_NE(to_string(*v).find("INVALID_SYNTAX"), std::string::npos);
  }
}

TEST(Chain, EveryGenericLength) {
  Octets bytes(40, 0);
  Chain chain;
  for (unsigned length = 0; length <= 0xffff; ++length) {
    store_be<uint16_t>(bytes.data() + 2, static_cast<uint16_t>(length));
    // Only the whole is right: shorter leaves octets over, longer runs past the end.
    ASSERT_EQ(!parse(bytes, 41, chain), length == 40) << length;
  }
}

TEST(Chain, EveryPayloadTypeCriticalAndNot) {
  Chain chain;
  for (unsigned type = 1; type <= 0xff; ++type) {
    const bool known = is_known(static_cast<PayloadType>(type));
    ASSERT_FALSE(parse(hex("00 00 0008 01020304"), type, chain)) << type;
    EXPECT_EQ(chain.payloads().size(), known ? 1u : 0u);
    const Verdict v = parse(hex("00 80 0008 01020304"), type, chain);
    ASSERT_EQ(v.has_value(), !known) << type;
    if (known) continue;
    EXPECT_EQ(v->notify, NotifyType::kUnsupportedCriticalPayload);
    EXPECT_EQ(v->payload, static_cast<PayloadType>(type));
  }
}

TEST(Chain, SixtyFourPayloadsAndNotOneMore) {
  for (const unsigned type : {41u, 200u}) {  // unknown ones count too
    for (const std::size_t count : {std::size_t{64}, std::size_t{65}, std::size_t{2000}}) {
      Octets bytes;
      for (std::size_t i = 0; i < count; ++i) {
        const Octets one = {static_cast<uint8_t>(i + 1 < count ? type : 0), 0, 0, 4};
        bytes.insert(bytes.end(), one.begin(), one.end());
      }
      Chain chain;
      const Verdict v = parse(bytes, type, chain);
      ASSERT_EQ(v.has_value(), count > 64);
      EXPECT_TRUE(!v || v->error.code == Errc::kNoSpace);
    }
  }
}

TEST(Chain, SkAndSkfEndIt) {
  for (const unsigned type : {46u, 53u}) {
    Chain chain;
    ASSERT_FALSE(parse(hex("21 00 0006 aabb"), type, chain));
    ASSERT_NE(chain.encrypted(), nullptr);
    EXPECT_EQ(chain.first_inside(), PayloadType::kSa);
    EXPECT_TRUE(parse(hex("21 00 0006 aabb 00000004"), type, chain));
  }
}

// Parsing again must not show what was there before.
TEST(Chain, IsOverwritten) {
  Chain chain;
  ASSERT_FALSE(parse(hex("21 00 0006 aabb"), 46, chain));
  ASSERT_FALSE(parse({}, 0, chain));
  EXPECT_TRUE(chain.empty());
  EXPECT_EQ(chain.encrypted(), nullptr);
  EXPECT_EQ(chain.first_inside(), PayloadType::kNone);
}

}  // namespace
}  // namespace kanmon::ike
