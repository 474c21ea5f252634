// ESP-22: fragments of what is for us: put together rightly, in any order, and bounded whatever
// comes.
#include "dataplane/reassembly/reassembly.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/classify/classify.h"
#include "dataplane/reassembly/table.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using test::frame;
using test::ip;
using test::Octets;
using test::StageBed;
using test::udp;
using test::operator+;

constexpr uint64_t kTimeout = 1000;

Octets part(const Octets& o, std::size_t from, std::size_t to) {
  return {o.begin() + static_cast<std::ptrdiff_t>(from),
          o.begin() + static_cast<std::ptrdiff_t>(to)};
}

Octets counting(std::size_t n) {
  Octets o(n);
  for (std::size_t i = 0; i < n; ++i) o[i] = static_cast<uint8_t>(i * 7 + i / 256);
  return o;
}

// ESP with an SPI, so that classify knows where it belongs.
Octets esp_text(std::size_t n) {
  return Octets{0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1} + counting(n - 8);
}

void put_sum4(Octets& p) {
  p[10] = p[11] = 0;
  const uint16_t sum = wire::checksum(wire::Bytes(p).first(20));
  std::memcpy(&p[10], &sum, 2);
}

struct Cut {
  std::size_t from, to;
};

// One piece of an IPv4 datagram, by the book (RFC 791 section 3.2).
Octets piece4(const Octets& payload, Cut c, uint16_t id, uint8_t protocol = 50,
              const char* source = "192.0.2.2", uint8_t tos = 0) {
  const bool more = c.to < payload.size();
  const auto field = static_cast<uint16_t>((more ? 0x2000u : 0u) | c.from / 8);
  Octets p = ip({source, "192.0.2.1", protocol, 64, field}, part(payload, c.from, c.to));
  p[1] = tos;
  p[4] = static_cast<uint8_t>(id >> 8), p[5] = static_cast<uint8_t>(id);
  put_sum4(p);
  return p;
}

// And of an IPv6 one, behind a destination options header if `options` (RFC 8200 section 4.5).
Octets piece6(const Octets& payload, Cut c, uint32_t id, bool options, uint8_t protocol = 50) {
  const bool more = c.to < payload.size();
  Octets h(8);
  h[0] = protocol;
  h[2] = static_cast<uint8_t>(c.from >> 8);
  h[3] = static_cast<uint8_t>((c.from & 0xf8) | (more ? 1 : 0));
  for (int i = 0; i < 4; ++i)
    h[4 + static_cast<size_t>(i)] = static_cast<uint8_t>(id >> (24 - 8 * i));
  const Octets front = options ? Octets{44, 0, 1, 4, 0, 0, 0, 0} : Octets{};
  return ip({"2001:db8::2", "2001:db8::1", static_cast<uint8_t>(options ? 60 : 44)},
            front + h + part(payload, c.from, c.to));
}

class Reassembly : public ::testing::Test {
 protected:
  explicit Reassembly(uint32_t pieces = 256) : table(12345, {pieces, kTimeout}) {
    bed.context().reassembly = &table;
    bed.context().now_tsc = 1;
  }
  ~Reassembly() override {
    table.clear(bed.context(), Drop::kStopped);
    EXPECT_EQ(bed.packets_out(), before);
  }
  void give(const Octets& packet) {
    Packet* p = bed.packet(frame(packet));
    classify::run(bed.context(), StageBed::kUnderlayPort, &p, 1);
    reassembly::run(bed.context());
  }
  std::vector<Octets> esp() { return test::take_out(bed.lanes().esp); }

  StageBed bed;
  const uint32_t before = bed.packets_out();
  reassembly::Table table;
};

std::vector<Cut> cuts(std::size_t whole, std::size_t size) {
  std::vector<Cut> out;
  for (std::size_t at = 0; at < whole; at += size) out.push_back({at, std::min(whole, at + size)});
  return out;
}

TEST_F(Reassembly, EveryOrderOfFourPieces) {
  const Octets text = esp_text(100);
  std::vector<Cut> order = cuts(text.size(), 32);
  ASSERT_EQ(order.size(), 4u);
  const auto by_place = [](const Cut& a, const Cut& b) { return a.from < b.from; };
  uint16_t id = 0;
  do {
    ++id;
    for (const Cut& c : order) give(piece4(text, c, id));
    EXPECT_EQ(esp(), std::vector<Octets>{piece4(text, {0, 100}, id)});
    for (const Cut& c : order) give(piece6(text, c, id, false));
    EXPECT_EQ(esp(), std::vector<Octets>{ip({"2001:db8::2", "2001:db8::1", 50}, text)});
    for (const Cut& c : order) give(piece6(text, c, id, true));
    EXPECT_EQ(esp(), std::vector<Octets>{ip({"2001:db8::2", "2001:db8::1", 60},
                                            Octets{50, 0, 1, 4, 0, 0, 0, 0} + text)});
  } while (std::next_permutation(order.begin(), order.end(), by_place));
  EXPECT_EQ(id, 24);
  EXPECT_EQ(bed.dropped(Drop::kFragmentJoined), 24u * 3 * 3);
  EXPECT_EQ(bed.dropped_in_all(), bed.dropped(Drop::kFragmentJoined));
  EXPECT_EQ(table.held(), 0u);
}

// What is for UDP 4500, IKE and others is told apart only when it is whole.
TEST_F(Reassembly, WholeDatagramsGoWhereTheyBelong) {
  const Octets in_udp = udp(4500, 4500, esp_text(64)), ike = udp(500, 500, counting(900));
  for (const Cut& c : cuts(in_udp.size(), 24)) give(piece4(in_udp, c, 1, 17));
  ASSERT_EQ(bed.lanes().esp.count, 1u);
  EXPECT_EQ(meta(bed.lanes().esp.slots[0]).udp_encap, 1);
  EXPECT_EQ(meta(bed.lanes().esp.slots[0]).src_udp_port, 4500);
  EXPECT_EQ(meta(bed.lanes().esp.slots[0]).outer_length, 64);
  EXPECT_EQ(meta(bed.lanes().esp.slots[0]).port, StageBed::kUnderlayPort);
  esp();
  for (const Cut& c : cuts(ike.size(), 400)) give(piece4(ike, c, 2, 17));
  EXPECT_EQ(test::take_out(bed.lanes().route),
            std::vector<Octets>{piece4(ike, {0, ike.size()}, 2, 17)});
  // A datagram whose length contradicts UDP is refused as one that came whole.
  Octets wrong = in_udp;
  wrong[5] ^= 1;
  for (const Cut& c : cuts(wrong.size(), 24)) give(piece4(wrong, c, 3, 17));
  EXPECT_EQ(bed.dropped(Drop::kUdpBadLength), 1u);
}

// Datagrams differ by source, protocol and id.
TEST_F(Reassembly, PiecesOfOthersDoNotFit) {
  const Octets text = esp_text(64);
  give(piece4(text, {0, 32}, 1));
  give(piece4(text, {32, 64}, 2));
  give(piece4(text, {32, 64}, 1, 51));
  give(piece4(text, {32, 64}, 1, 50, "192.0.2.3"));
  give(piece6(text, {32, 64}, 1, false));
  EXPECT_TRUE(esp().empty());
  EXPECT_EQ(table.held(), 5u);
  give(piece4(text, {32, 64}, 1));
  EXPECT_EQ(esp().size(), 1u);
}

// RFC 5722: every overlap, whatever its place, takes the whole datagram with it.
TEST_F(Reassembly, EveryOverlapSpoilsTheDatagram) {
  const Octets text = esp_text(96);
  uint16_t id = 0;
  for (std::size_t from = 0; from < 96; from += 8)
    for (std::size_t to = from + 8; to <= 96; to += 8) {
      ++id;
      const bool exact = (from == 0 && to == 32) || (from == 64 && to == 96);
      const bool beside = from >= 32 && to <= 64;
      if (from == 0 && to < 16) continue;   // tiny: the next test
      if (from == 0 && to == 96) continue;  // no fragment at all
      const uint64_t spoilt = bed.dropped(Drop::kFragmentOverlap);
      give(piece4(text, {0, 32}, id));
      give(piece4(text, {64, 96}, id));
      give(piece4(text, {from, to}, id));
      if (!exact && !beside) {
        EXPECT_EQ(bed.dropped(Drop::kFragmentOverlap), spoilt + 3) << from << ' ' << to;
        give(piece4(text, {32, 64}, id));
        EXPECT_EQ(bed.dropped(Drop::kFragmentOverlap), spoilt + 4) << "what comes later too";
      } else if (exact) {
        give(piece4(text, {32, 64}, id));
      }
      const std::size_t wanted = exact || (from == 32 && to == 64) ? 1 : 0;
      EXPECT_EQ(esp().size(), wanted) << from << ' ' << to;
      bed.context().now_tsc += kTimeout;
      table.expire(bed.context());
      EXPECT_EQ(table.held(), 0u);
    }
  EXPECT_EQ(bed.dropped(Drop::kFragmentDuplicate), 2u);
}

TEST_F(Reassembly, TwoEndsContradictEachOther) {
  const Octets text = esp_text(96);
  give(piece4(text, {0, 32}, 1));
  give(piece4(part(text, 0, 64), {32, 64}, 1));
  EXPECT_EQ(esp().size(), 1u) << "complete at its first end";
  give(piece4(part(text, 0, 48), {40, 48}, 2));
  give(piece4(text, {64, 96}, 2));
  EXPECT_EQ(bed.dropped(Drop::kFragmentOverlap), 2u);
  give(piece4(text, {64, 72}, 3));
  give(piece4(part(text, 0, 48), {40, 48}, 3));
  EXPECT_EQ(bed.dropped(Drop::kFragmentOverlap), 4u);
}

// RFC 1858, RFC 791: tiny first fragments, pieces not cut at eight octets, empty ones, too long
// ones.
TEST_F(Reassembly, BadPieces) {
  const Octets text = esp_text(96);
  give(piece4(text, {0, 8}, 1));
  give(piece6(text, {0, 8}, 1, false));
  give(piece4(text, {32, 45}, 1));
  give(piece4(text, {32, 32}, 1));
  give(piece6(text, {32, 45}, 1, true));
  Octets far = piece4(text, {32, 64}, 1);
  far[6] = 0x1f, far[7] = 0xff;
  put_sum4(far);
  give(far);
  EXPECT_EQ(bed.dropped(Drop::kFragmentBad), 6u);
  EXPECT_EQ(table.held(), 0u);
}

TEST_F(Reassembly, ADatagramLongerThanABuffer) {
  const Octets text = esp_text(6000);
  for (const Cut& c : cuts(text.size(), 1200)) give(piece4(text, c, 1));
  EXPECT_EQ(bed.dropped(Drop::kFragmentTooLong), 5u);
  EXPECT_EQ(bed.dropped_in_all(), 5u);
}

// RFC 3168 section 5.3.
TEST_F(Reassembly, CongestionOfAnyPieceIsTheDatagrams) {
  const Octets text = esp_text(64);
  for (uint8_t a = 0; a < 4; ++a)
    for (uint8_t b = 0; b < 4; ++b) {
      const auto id = static_cast<uint16_t>(a * 4 + b);
      give(piece4(text, {0, 32}, id, 50, "192.0.2.2", a));
      give(piece4(text, {32, 64}, id, 50, "192.0.2.2", b));
      const auto whole = esp();
      const bool congested = a == 3 || b == 3, deaf = a == 0 || b == 0;
      ASSERT_EQ(whole.size(), congested && deaf ? 0u : 1u);
      if (whole.empty()) continue;
      EXPECT_EQ(whole[0][1], congested ? 3 : a);
      EXPECT_EQ(wire::checksum(wire::Bytes(whole[0]).first(20)), 0);
    }
}

TEST_F(Reassembly, WhatIsNotCompletedInTimeGoes) {
  const Octets text = esp_text(64);
  give(piece4(text, {0, 32}, 1));
  bed.context().now_tsc += kTimeout - 1;
  table.expire(bed.context());
  EXPECT_EQ(table.held(), 1u);
  bed.context().now_tsc += 1;
  table.expire(bed.context());
  EXPECT_EQ(table.held(), 0u);
  EXPECT_EQ(bed.dropped(Drop::kFragmentTimeout), 1u);
  give(piece4(text, {32, 64}, 1));
  EXPECT_TRUE(esp().empty()) << "the id is that of another datagram now";
}

// A million distinct ids from as many sources: what is held stays bounded, and a datagram whose
// pieces follow each other comes through whenever it comes.
TEST_F(Reassembly, AFloodIsBoundedAndHurtsNobody) {
  const Octets text = esp_text(96);
  std::mt19937 random(7);
  uint64_t good = 0;
  for (uint32_t n = 0; n < 1'000'000; ++n) {
    const std::string source =
        "10." + std::to_string(random() % 256) + "." + std::to_string(random() % 256) + ".7";
    give(piece4(text, {32, 64}, static_cast<uint16_t>(random()), 50, source.c_str()));
    ASSERT_LE(table.held(), 256u);
    if (n % 1000 != 0) continue;
    for (const Cut& c : cuts(text.size(), 32))
      give(piece4(text, c, static_cast<uint16_t>(n / 1000)));
    good += esp().size();
  }
  EXPECT_EQ(good, 1000u);
  EXPECT_LE(bed.packets_out() - before, 256u);
  EXPECT_GT(bed.dropped(Drop::kFragmentEvicted), 900'000u);
}

// One source may have sixteen under way; more of it push out its own only.
TEST_F(Reassembly, ASourceHasItsShare) {
  const Octets text = esp_text(64);
  give(piece4(text, {0, 32}, 1, 50, "192.0.2.3"));
  for (uint16_t id = 0; id < 5000; ++id) give(piece4(text, {0, 32}, id));
  EXPECT_EQ(table.held(), 17u);
  give(piece4(text, {32, 64}, 1, 50, "192.0.2.3"));
  EXPECT_EQ(esp().size(), 1u);
}

// Datagrams of many pieces cannot hold more buffers than those of few.
TEST_F(Reassembly, PiecesAreBoundedToo) {
  const Octets text = esp_text(400);
  for (uint16_t source = 0; source < 200; ++source)
    for (const Cut& c : cuts(392, 24)) {
      give(piece4(text, c, 9, 50, ("10.0.0." + std::to_string(source)).c_str()));
      ASSERT_LE(table.held(), 256u);
    }
  // More pieces than one datagram may have.
  for (std::size_t at = 16; at + 8 <= 392; at += 8) give(piece4(text, {at, at + 8}, 77));
  EXPECT_LE(table.held(), 256u);
}

// Against a cutter that knows nothing of ours: random sizes, orders, duplicates; what comes out is
// what was cut.
TEST_F(Reassembly, RandomCuts) {
  std::mt19937 random(99);
  for (uint16_t id = 1; id < 2000; ++id) {
    const Octets text = esp_text(64 + random() % 1400);
    std::vector<Cut> pieces;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t to = at + 16 + 8 * (random() % 40);
      if (pieces.size() == reassembly::Table::kPieces - 1 || to > text.size()) to = text.size();
      pieces.push_back({at, to});
      at = to;
    }
    if (pieces.size() == 1) continue;
    std::shuffle(pieces.begin(), pieces.end(), random);
    const bool v6 = random() % 2 == 0, options = random() % 2 == 0;
    const Cut again = pieces[0];
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      give(v6 ? piece6(text, pieces[i], id, options) : piece4(text, pieces[i], id));
      if (i == 0 && pieces.size() > 1)
        give(v6 ? piece6(text, again, id, options) : piece4(text, again, id));
    }
    const auto whole = esp();
    ASSERT_EQ(whole.size(), 1u) << id;
    const std::size_t header = whole[0].size() - text.size();
    EXPECT_EQ(header, v6 ? (options ? 48u : 40u) : 20u);
    EXPECT_EQ(part(whole[0], header, whole[0].size()), text);
  }
}

// The pieces of a datagram meet, and datagrams spread.
TEST(MeetingPoint, IsOneForAllPieces) {
  const Octets text = esp_text(96);
  for (const uint16_t workers : {1, 2, 3, 8, 64}) {
    std::vector<unsigned> hits(workers);
    for (uint32_t id = 0; id < 6400; ++id) {
      reassembly::Piece a, b;
      ASSERT_TRUE(reassembly::read_piece(piece6(text, {0, 32}, id, false), 1, a));
      ASSERT_TRUE(reassembly::read_piece(piece6(text, {64, 96}, id, false), 1, b));
      const uint16_t at = reassembly::meeting_point(a.key, workers);
      ASSERT_LT(at, workers);
      EXPECT_EQ(at, reassembly::meeting_point(b.key, workers));
      ++hits[at];
    }
    EXPECT_GT(*std::min_element(hits.begin(), hits.end()), 6400u / workers / 2);
  }
}

TEST_F(Reassembly, PiecesForAnotherWorkerAreHandedOver) {
  bed.context().workers = 2;
  const Octets text = esp_text(96);
  for (uint16_t id = 0; id < 100; ++id) give(piece4(text, {0, 32}, id));
  const auto& lane = bed.lanes().handoff[1];
  EXPECT_GT(lane.count, 20u);
  EXPECT_LT(lane.count, 80u);
  for (uint32_t i = 0; i < lane.count; ++i)
    EXPECT_EQ(meta(lane.slots[i]).errand, Errand::kReassemble);
  test::take_out(bed.lanes().handoff[1]);
}

}  // namespace
}  // namespace kanmon
