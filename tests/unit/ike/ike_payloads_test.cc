// Payload bodies (IKE-11, IKE-16): RFC 7296 sections 3.4 to 3.11 and RFC 7383 section 2.5, with
// every truncation, zero lengths and inconsistent counts.
#include <array>

#include <gtest/gtest.h>

#include "control/ike/wire/payloads.h"
#include "tests/unit/ike/support.h"

namespace kanmon::ike {
namespace {

template <class Write>
Octets written(Write write) {
  Octets room(70'000);
  wire::Writer w(room);
  write(w);
  EXPECT_TRUE(w.ok());
  return octets(w.written());
}

TEST(Ke, Layout) {
  const Octets body = hex("001f 0000 aabbcc");
  const auto ke = parse_ke(body);
  ASSERT_TRUE(ke.ok());
  EXPECT_EQ(ke->group, 31);
  EXPECT_EQ(octets(ke->data), hex("aabbcc"));
  EXPECT_EQ(written([](auto& w) { write_ke(w, 31, hex("aabbcc")); }), body);
  for (std::size_t n = 0; n <= 4; ++n) EXPECT_FALSE(parse_ke(wire::Bytes(body).first(n)).ok());
}

TEST(Nonce, SizesOfSection39) {
  for (std::size_t n = 0; n <= 300; ++n)
    EXPECT_EQ(parse_nonce(Octets(n)).ok(), n >= 16 && n <= 256) << n;
}

TEST(Id, EveryTypeAndSize) {
  for (unsigned type = 0; type <= 0xff; ++type) {
    for (const std::size_t n : {0, 1, 3, 4, 5, 15, 16, 17, 300}) {
      Octets body(4 + n, 'x');
      store_be<uint32_t>(body.data(), type << 24);
      const auto id = parse_id(body);
      const bool name = type == 2 || type == 3 || type == 11;
      const bool wanted = (type == 1 && n == 4) || (type == 5 && n == 16) || (name && n != 0);
      ASSERT_EQ(id.ok(), wanted) << type << " " << n;
      if (!wanted) continue;
      EXPECT_EQ(written([&](auto& w) { write_id(w, *id); }), body);
      EXPECT_FALSE(id->to_string().empty());
    }
  }
  for (std::size_t n = 0; n < 4; ++n) EXPECT_FALSE(parse_id(Octets(n, 2)).ok());
}

TEST(Auth, Layout) {
  const Octets body = hex("02 000000 aabb");
  const auto auth = parse_auth(body);
  ASSERT_TRUE(auth.ok());
  EXPECT_EQ(auth->method, AuthMethod::kSharedKey);
  EXPECT_EQ(written([](auto& w) { write_auth(w, AuthMethod::kSharedKey, hex("aabb")); }), body);
  for (std::size_t n = 0; n <= 4; ++n) EXPECT_FALSE(parse_auth(wire::Bytes(body).first(n)).ok());
}

TEST(Notify, LayoutAndEveryTruncation) {
  const Octets body = hex("03 04 4009 c0ffee01 0102");
  const auto n = parse_notify(body);
  ASSERT_TRUE(n.ok());
  EXPECT_EQ(n->type, NotifyType::kRekeySa);
  EXPECT_EQ(n->esp_spi(), 0xc0ffee01u);
  EXPECT_EQ(octets(n->data), hex("0102"));
  EXPECT_EQ(written([&](auto& w) { write_notify(w, *n); }), body);
  for (std::size_t size = 0; size < 8; ++size)
    EXPECT_FALSE(parse_notify(wire::Bytes(body).first(size)).ok()) << size;
}

// Past bug: a bad protocol id or SPI size from the peer ends up in our own reply.
TEST(Notify, EveryProtocolAndSpiSize) {
  for (unsigned protocol = 0; protocol <= 0xff; ++protocol) {
    for (unsigned size = 0; size <= 0xff; ++size) {
      Octets body = {static_cast<uint8_t>(protocol), static_cast<uint8_t>(size), 0x40, 0x09};
      body.resize(4 + 260, 1);
      const auto n = parse_notify(body);
      ASSERT_EQ(n.ok(), size == 0 || size == 4 || size == 8);
      ASSERT_EQ(n.ok() && n->esp_spi() != 0, protocol == 3 && size == 4);
    }
  }
}

TEST(Notify, FindingSkipsTheMalformed) {
  const Octets inside = hex("29000008 01ff4009 29000008 00004000 00000008 0000000e");
  Chain chain;
  ASSERT_FALSE(parse_chain(inside, PayloadType::kNotify, chain));
  EXPECT_FALSE(find_notify(chain, NotifyType::kRekeySa));
  EXPECT_TRUE(find_notify(chain, NotifyType::kInitialContact));
  EXPECT_EQ(find_error(chain)->type, NotifyType::kNoProposalChosen);
}

TEST(Notify, EveryTypeIsErrorOrStatus) {
  for (unsigned v = 0; v <= 0xffff; ++v)
    ASSERT_EQ(is_error(static_cast<NotifyType>(v)), v > 0 && v < 16384);
}

TEST(Notify, InvalidKeNeedsTwoOctets) {
  NotifyView n;
  const Octets data = hex("001f00");
  for (std::size_t size = 0; size <= 3; ++size) {
    n.data = wire::Bytes(data).first(size);
    EXPECT_EQ(parse_invalid_ke(n).ok(), size == 2);
  }
  n.data = wire::Bytes(data).first(2);
  EXPECT_EQ(*parse_invalid_ke(n), 31);
}

TEST(Delete, Layouts) {
  const Octets ike = hex("01 00 0000"), esp = hex("03 04 0002 00000100 c0ffee01");
  ASSERT_TRUE(parse_delete(ike).ok());
  const auto d = parse_delete(esp);
  ASSERT_TRUE(d.ok());
  ASSERT_EQ(d->count, 2);
  EXPECT_EQ(d->spi(0), 0x100u);
  EXPECT_EQ(d->spi(1), 0xc0ffee01u);
  EXPECT_EQ(written([](auto& w) { write_delete_ike(w); }), ike);
  const std::array<uint32_t, 2> spis{0x100, 0xc0ffee01};
  EXPECT_EQ(written([&](auto& w) { write_delete_esp(w, spis); }), esp);
  EXPECT_TRUE(parse_delete(hex("03 04 0000")).ok());
}

TEST(Delete, CountsThatDisagree) {
  Octets body = hex("03 04 0000 00000100 c0ffee01");
  for (unsigned count = 0; count <= 0xffff; ++count) {
    store_be<uint16_t>(body.data() + 2, static_cast<uint16_t>(count));
    ASSERT_EQ(parse_delete(body).ok(), count == 2);
  }
  store_be<uint16_t>(body.data() + 2, 2);
  for (std::size_t n = 0; n < body.size(); ++n)
    ASSERT_FALSE(parse_delete(wire::Bytes(body).first(n)).ok());
  for (unsigned v = 0; v <= 0xff; ++v) {
    Octets bad = body;
    bad[0] = static_cast<uint8_t>(v);
    EXPECT_EQ(parse_delete(bad).ok(), v == 2 || v == 3);
    bad = body;
    bad[1] = static_cast<uint8_t>(v);
    EXPECT_EQ(parse_delete(bad).ok(), v == 4);
  }
  EXPECT_FALSE(parse_delete(hex("01 00 0001")).ok());
  EXPECT_FALSE(parse_delete(hex("01 08 0001 0102030405060708")).ok());
}

TEST(FragmentHeader, NumbersOfSection25) {
  EXPECT_TRUE(parse_fragment_header(hex("0001 0001")).ok());
  EXPECT_TRUE(parse_fragment_header(hex("ffff ffff")).ok());
  EXPECT_FALSE(parse_fragment_header(hex("0000 0001")).ok());
  EXPECT_FALSE(parse_fragment_header(hex("0000 0000")).ok());
  EXPECT_FALSE(parse_fragment_header(hex("0003 0002")).ok());
  for (std::size_t n = 0; n < 4; ++n) EXPECT_FALSE(parse_fragment_header(Octets(n, 1)).ok());
}

// --- SA ---

// Two proposals: IKE with a Key Length attribute, ESP with an SPI.
const char* kTwoProposals =
    "02 00 002c 01 01 00 04"
    "  03 00 000c 01 00 0014 800e 0100"
    "  03 00 0008 02 00 0006"
    "  03 00 0008 03 00 0000"
    "  00 00 0008 04 00 0013"
    "00 00 0020 02 03 04 02 c0ffee01"
    "  03 00 000c 01 00 000c 800e 0080"
    "  00 00 0008 05 00 0001";

TEST(Sa, ReadsNestedStructures) {
  const Octets body = hex(kTwoProposals);
  const auto sa = parse_sa(body);
  ASSERT_TRUE(sa.ok());
  ASSERT_EQ(sa->size(), 2u);
  const Proposal& ike = (*sa)[0];
  EXPECT_EQ(ike.protocol, ProtocolId::kIke);
  EXPECT_EQ(ike.spi_bytes, 0);
  ASSERT_EQ(ike.transforms.size(), 4u);
  EXPECT_EQ(ike.transforms[0], (Transform{TransformType::kEncr, 20, 256, true}));
  EXPECT_EQ(ike.transforms[3], (Transform{TransformType::kDh, 19, 0, true}));
  EXPECT_EQ((*sa)[1].esp_spi(), 0xc0ffee01u);
  EXPECT_TRUE((*sa)[1].usable);
  EXPECT_EQ(written([&](auto& w) { write_sa(w, *sa); }), body);
}

TEST(Sa, EveryTruncation) {
  const Octets body = hex(kTwoProposals);
  for (std::size_t n = 0; n < body.size(); ++n)
    ASSERT_FALSE(parse_sa(wire::Bytes(body).first(n)).ok()) << n;
}

// Whatever one octet becomes, what is accepted is well-formed: it can be written again, and reads
// back the same.
TEST(Sa, EveryValueOfEveryOctet) {
  const Octets body = hex(kTwoProposals);
  unsigned accepted = 0;
  for (std::size_t at = 0; at < body.size(); ++at) {
    for (unsigned v = 0; v <= 0xff; ++v) {
      Octets bad = body;
      bad[at] = static_cast<uint8_t>(v);
      const auto sa = parse_sa(bad);
      if (!sa.ok()) continue;
      ++accepted;
      for (Proposal p : *sa) {
        if (!p.usable) continue;
        for (const Transform& t : p.transforms)
          EXPECT_FALSE(transform_name(t.type, t.id, t.key_bits).empty());
        p.number = 1;
        std::erase_if(p.transforms, [](const Transform& t) { return !t.usable; });
        if (p.transforms.empty()) continue;
        const auto again = parse_sa(written([&](auto& w) { write_sa(w, {&p, 1}); }));
        ASSERT_TRUE(again.ok()) << at << " " << v;
        EXPECT_EQ((*again)[0], p);
      }
    }
  }
  EXPECT_GT(accepted, 256u);  // types and ids may be anything
}

TEST(Sa, SubstructureMarksAndCountsMustAgree) {
  const Octets body = hex(kTwoProposals);
  const auto with = [&](std::size_t at, uint8_t v) {
    Octets bad = body;
    bad[at] = v;
    return parse_sa(bad).ok();
  };
  EXPECT_TRUE(with(0, 2));
  for (unsigned v = 0; v <= 0xff; ++v) {
    EXPECT_EQ(with(0, static_cast<uint8_t>(v)), v == 2);   // more proposals
    EXPECT_EQ(with(44, static_cast<uint8_t>(v)), v == 0);  // the last
    EXPECT_EQ(with(7, static_cast<uint8_t>(v)), v == 4);   // number of transforms
    EXPECT_EQ(with(8, static_cast<uint8_t>(v)), v == 3);   // more transforms
    EXPECT_EQ(with(4, static_cast<uint8_t>(v)), v == 1);   // proposals count from 1 …
    EXPECT_EQ(with(48, static_cast<uint8_t>(v)), v == 2);  // … and up by one
  }
}

// IKE-28: an attribute we do not understand costs the transform, not the message.
TEST(Sa, StrangeAttributesMakeTheTransformUnusable) {
  const auto usable = [](const char* attributes, uint16_t bytes) {
    Octets body = hex("00 00 0000 01 01 00 01  00 00 0000 01 00 000c");
    const Octets more = hex(attributes);
    body.insert(body.end(), more.begin(), more.end());
    store_be<uint16_t>(body.data() + 2, static_cast<uint16_t>(16 + bytes));
    store_be<uint16_t>(body.data() + 10, static_cast<uint16_t>(8 + bytes));
    const auto sa = parse_sa(body);
    return !sa.ok() ? -1 : (*sa)[0].transforms[0].usable ? 1 : 0;
  };
  EXPECT_EQ(usable("", 0), 1);
  EXPECT_EQ(usable("800e 0080", 4), 1);
  EXPECT_EQ(usable("800e 0080 800e 0080", 8), 0);  // twice
  EXPECT_EQ(usable("800e 0000", 4), 0);            // zero is no key length
  EXPECT_EQ(usable("800d 0080", 4), 0);            // another type
  EXPECT_EQ(usable("000e 0002 0080", 6), 0);       // long form
  EXPECT_EQ(usable("000e 0000", 4), 0);            // long form, empty
  EXPECT_EQ(usable("000e 0003 0080", 6), -1);      // runs past the end
  EXPECT_EQ(usable("800e", 2), -1);
}

TEST(Sa, SpisThatCannotBe) {
  const auto usable = [](const char* protocol, const char* spi) {
    Octets body = hex("00 00 0000 01");
    const Octets p = hex(protocol), s = hex(spi), t = hex("00 00 0008 01 00 0014");
    body.insert(body.end(), p.begin(), p.end());
    body.push_back(static_cast<uint8_t>(s.size()));
    body.push_back(1);
    body.insert(body.end(), s.begin(), s.end());
    body.insert(body.end(), t.begin(), t.end());
    store_be<uint16_t>(body.data() + 2, static_cast<uint16_t>(body.size()));
    const auto sa = parse_sa(body);
    EXPECT_TRUE(sa.ok());
    return (*sa)[0].usable;
  };
  EXPECT_TRUE(usable("01", ""));
  EXPECT_TRUE(usable("01", "0000000000000001"));
  EXPECT_FALSE(usable("01", "0000000000000000"));
  EXPECT_FALSE(usable("01", "01020304"));
  EXPECT_TRUE(usable("03", "00000100"));
  EXPECT_FALSE(usable("03", "000000ff"));  // reserved, RFC 4303 section 2.1
  EXPECT_FALSE(usable("03", "00000000"));
  EXPECT_FALSE(usable("03", ""));
  EXPECT_FALSE(usable("03", "0102030405060708"));
  EXPECT_FALSE(usable("63", "01020304050607080910111213141516"));
}

TEST(Sa, AtMost255ProposalsFitTheNumbering) {
  for (const std::size_t count : {std::size_t{255}, std::size_t{256}, std::size_t{4000}}) {
    Octets body;
    for (std::size_t i = 0; i < count; ++i) {
      Octets p = hex("02 00 0010 01 01 00 01  00 00 0008 01 00 0014");
      p[0] = i + 1 < count ? 2 : 0;
      p[4] = static_cast<uint8_t>(i + 1);
      body.insert(body.end(), p.begin(), p.end());
    }
    EXPECT_EQ(parse_sa(body).ok(), count == 255);
  }
}

TEST(Sa, WritingTooManyTransformsFails) {
  Proposal p;
  p.transforms.resize(256);
  Octets room(10'000);
  wire::Writer w(room);
  write_sa(w, {&p, 1});
  EXPECT_FALSE(w.ok());
}

}  // namespace
}  // namespace kanmon::ike
