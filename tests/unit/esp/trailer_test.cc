#include "dataplane/esp/trailer.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/esp/esp_wire.h"

namespace kanmon::esp {
namespace {

using Octets = std::vector<uint8_t>;

// ESP-25: the least padding, 1, 2, 3, …, pad length, next header, for every alignment in use.
TEST(Trailer, WritesTheLeastPadding) {
  for (const uint32_t align : {1u, 2u, 4u, 8u, 16u}) {
    for (uint32_t payload = 0; payload < 70; ++payload) {
      const uint32_t pad = pad_bytes(payload, align);
      ASSERT_LT(pad, align);
      ASSERT_EQ((payload + pad + 2) % align, 0u);
      Octets text(payload + kTrailerRoom, 0xee);
      write_trailer(text.data() + payload, pad, 41);
      for (uint32_t i = 0; i < payload; ++i) ASSERT_EQ(text[i], 0xee);
      for (uint32_t i = 0; i < pad; ++i) ASSERT_EQ(text[payload + i], i + 1);
      ASSERT_EQ(text[payload + pad], pad);
      ASSERT_EQ(text[payload + pad + 1], 41);
    }
  }
}

// ESP-25: the trailer written as one word is the one written octet by octet.
TEST(Trailer, ShortOnesAreTheSame) {
  for (uint32_t pad = 0; pad < 4; ++pad)
    for (const uint8_t next : {uint8_t{4}, uint8_t{41}, uint8_t{255}}) {
      Octets one(kTrailerRoom), other(kTrailerRoom);
      write_trailer(one.data(), pad, next);
      write_short_trailer(other.data(), pad, next);
      EXPECT_TRUE(std::equal(one.begin(), one.begin() + pad + 2, other.begin())) << pad;
    }
}

// ESP-09: every octet of the padding is looked at, whatever its length and what is in front.
TEST(Trailer, RefusesEachWrongOctet) {
  for (uint32_t pad = 0; pad <= 255; ++pad)
    for (const uint32_t front : {0u, 1u, 7u, 8u, 40u}) {
      Octets text(front, 0xee);
      for (uint32_t i = 1; i <= pad; ++i) text.push_back(static_cast<uint8_t>(i));
      text.push_back(static_cast<uint8_t>(pad));
      text.push_back(4);
      const auto payload = strip_trailer(text);
      ASSERT_TRUE(payload.has_value()) << pad << " " << front;
      EXPECT_EQ(payload->bytes, front);
      for (uint32_t i = 0; i < pad; ++i) {
        text[front + i] ^= 0x80;
        ASSERT_FALSE(strip_trailer(text).has_value()) << pad << " " << front << " " << i;
        text[front + i] ^= 0x80;
      }
    }
}

// ESP-09: a pad length is never believed beyond the text, even where the octets in front of it
// would go on with the pattern.
TEST(Trailer, NeverReachesInFrontOfTheText) {
  for (unsigned pad = 0; pad <= 255; ++pad) {
    Octets room;  // 1, 2, … pad, pad length, next header
    for (unsigned i = 1; i <= pad; ++i) room.push_back(static_cast<uint8_t>(i));
    room.push_back(static_cast<uint8_t>(pad));
    room.push_back(4);
    for (unsigned skip = 0; skip <= pad; ++skip) {
      const auto payload = strip_trailer(wire::Bytes(room).subspan(skip));
      ASSERT_EQ(payload.has_value(), skip == 0) << pad << " " << skip;
      if (payload) {
        EXPECT_EQ(payload->bytes, 0u);
      }
    }
  }
  EXPECT_FALSE(strip_trailer({}).has_value());
  EXPECT_FALSE(strip_trailer(Octets{0}).has_value());
  EXPECT_TRUE((strip_trailer(Octets{0, 59}).has_value()));
}

// RFC 4303 section 2: header, IV, text in steps of the alignment and at least one of them, ICV.
TEST(Wire, TextBytes) {
  for (const AlgorithmInfo& a : kAlgorithms) {
    const uint32_t around = 8u + a.iv_bytes + a.icv_bytes;
    for (uint32_t n = 0; n < 200; ++n) {
      const auto text = text_bytes(n, a);
      if (n < around + a.align) {
        ASSERT_FALSE(text.ok());
        EXPECT_EQ(text.error().code, Errc::kTruncated);
      } else if ((n - around) % a.align != 0) {
        ASSERT_FALSE(text.ok());
        EXPECT_EQ(text.error().code, Errc::kBadAlign);
      } else {
        ASSERT_TRUE(text.ok());
        EXPECT_EQ(*text, n - around);
      }
    }
  }
}

// RFC 4106 section 5, figures 2 and 3: SPI and 32 bits of sequence, or SPI and all 64.
TEST(Wire, AdditionalData) {
  uint8_t aad[12] = {};
  EXPECT_EQ(write_aad(aad, 0x01020304, 0x1122334455667788, false), 8);
  EXPECT_EQ(Octets(aad, aad + 8), (Octets{1, 2, 3, 4, 0x55, 0x66, 0x77, 0x88}));
  EXPECT_EQ(write_aad(aad, 0x01020304, 0x1122334455667788, true), 12);
  EXPECT_EQ(Octets(aad, aad + 12),
            (Octets{1, 2, 3, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}));
}

TEST(Wire, HeaderRoundTrip) {
  uint8_t room[8];
  write_header(room, {0xdeadbeef, 0x00c0ffee});
  EXPECT_EQ(read_header(room).spi, 0xdeadbeefu);
  EXPECT_EQ(read_header(room).sequence_low, 0x00c0ffeeu);
  EXPECT_EQ(Octets(room, room + 8), (Octets{0xde, 0xad, 0xbe, 0xef, 0x00, 0xc0, 0xff, 0xee}));
}

}  // namespace
}  // namespace kanmon::esp
