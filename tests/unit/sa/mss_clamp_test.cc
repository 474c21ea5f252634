#include "dataplane/sa/mss_clamp.h"

#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/wire/checksum.h"
#include "tests/support/esp_oracle.h"

namespace kanmon::sa {
namespace {

using test::Octets;

constexpr uint8_t kSyn = 0x02, kAck = 0x10;

// A TCP packet with a right checksum.
Octets tcp_packet(bool v6, uint8_t flags, const Octets& options, std::size_t payload = 0) {
  const std::size_t at = v6 ? 40 : 20, header = 20 + options.size();
  Octets p = test::inner_packet({.v6 = v6, .bytes = at + header + payload, .protocol = 6});
  std::memset(&p[at], 0, 20);
  store_be(&p[at], uint16_t{40'000});
  store_be(&p[at + 2], uint16_t{443});
  p[at + 12] = static_cast<uint8_t>(header / 4 << 4);
  p[at + 13] = flags;
  std::copy(options.begin(), options.end(), p.begin() + static_cast<long>(at) + 20);
  const wire::Bytes all(p);
  const auto source = v6 ? wire::IpAddress::v6(&p[8]) : wire::IpAddress::v4(&p[12]);
  const auto destination = v6 ? wire::IpAddress::v6(&p[24]) : wire::IpAddress::v4(&p[16]);
  const auto sum = wire::checksum_finish(wire::checksum_add(
      wire::pseudo_header(source, destination, 6, static_cast<uint32_t>(p.size() - at)),
      all.subspan(at)));
  std::memcpy(&p[at + 16], &sum, 2);
  return p;
}

bool checksum_right(const Octets& p) {
  const bool v6 = p[0] >> 4 == 6;
  const std::size_t at = v6 ? 40 : 20;
  const auto source = v6 ? wire::IpAddress::v6(&p[8]) : wire::IpAddress::v4(&p[12]);
  const auto destination = v6 ? wire::IpAddress::v6(&p[24]) : wire::IpAddress::v4(&p[16]);
  return wire::checksum_finish(wire::checksum_add(
             wire::pseudo_header(source, destination, 6, static_cast<uint32_t>(p.size() - at)),
             wire::Bytes(p).subspan(at))) == 0;
}

Octets mss_option(uint16_t mss) {
  return {2, 4, static_cast<uint8_t>(mss >> 8), static_cast<uint8_t>(mss)};
}

// SYN and SYN+ACK, both families, values around the limit; the checksum stays right.
TEST(MssClamp, LowersAndNeverRaises) {
  for (const bool v6 : {false, true})
    for (const uint8_t flags : {kSyn, static_cast<uint8_t>(kSyn | kAck)})
      for (const uint16_t mss : {0, 1, 536, 1405, 1406, 1407, 1460, 8960, 65535}) {
        Octets p = tcp_packet(v6, flags, mss_option(mss), 7);
        clamp_packet(p, v6 ? 9000 : 1406, v6 ? 1406 : 9000);
        EXPECT_EQ(p, tcp_packet(v6, flags, mss_option(std::min<uint16_t>(mss, 1406)), 7));
        EXPECT_TRUE(checksum_right(p));
      }
}

// The option behind others, at even and at odd offsets.
TEST(MssClamp, AtAnyPlaceAmongOptions) {
  for (std::size_t nops = 0; nops < 8; ++nops) {
    Octets options(nops, 1);
    for (const uint8_t o : mss_option(1460)) options.push_back(o);
    for (const uint8_t o : {uint8_t{3}, uint8_t{3}, uint8_t{7}}) options.push_back(o);
    while (options.size() % 4 != 0) options.push_back(0);
    Octets p = tcp_packet(false, kSyn, options);
    clamp_packet(p, 1406, 1386);
    EXPECT_EQ(load_be<uint16_t>(&p[40 + nops + 2]), 1406);
    EXPECT_TRUE(checksum_right(p)) << nops;
  }
}

TEST(MssClamp, LeavesEverythingElse) {
  const auto untouched = [](Octets p) {
    const Octets before = p;
    clamp_packet(p, 100, 100);
    return p == before;
  };
  EXPECT_TRUE(untouched(tcp_packet(false, kAck, mss_option(1460))));  // no SYN
  EXPECT_TRUE(untouched(tcp_packet(false, kSyn, {})));                // no option
  EXPECT_TRUE(untouched(tcp_packet(false, kSyn, {0, 0, 2, 4})));      // behind the end
  EXPECT_TRUE(untouched(tcp_packet(false, kSyn, {2, 3, 9, 9})));      // wrong length
  EXPECT_TRUE(untouched(tcp_packet(false, kSyn, {3, 0, 2, 4})));      // length zero: no loop
  EXPECT_TRUE(untouched(tcp_packet(false, kSyn, {3, 40, 9, 9})));     // beyond the header
  EXPECT_TRUE(untouched(tcp_packet(false, kSyn, {1, 1, 1, 2})));      // cut off
  EXPECT_TRUE(untouched(test::inner_packet({.bytes = 80})));          // UDP
  Octets fragment = tcp_packet(false, kSyn, mss_option(1460));
  fragment[7] = 1;
  EXPECT_TRUE(untouched(fragment));
  Octets offset = tcp_packet(false, kSyn, mss_option(1460));
  offset[32] = 0xf0;  // header longer than the packet
  EXPECT_TRUE(untouched(offset));
  Octets p = tcp_packet(false, kSyn, mss_option(1460));
  const Octets before = p;
  clamp_packet(p, 0, 0);  // switched off
  EXPECT_EQ(p, before);
}

// Any octets at all: no over-read (sanitizers watch), and an end.
TEST(MssClamp, RandomOctets) {
  std::mt19937 rng(793);
  for (int i = 0; i < 200'000; ++i) {
    Octets p = tcp_packet(i % 2 == 0, kSyn, Octets(40, 1));
    for (std::size_t at = p.size() - 48; at < p.size(); ++at)
      p[at] = static_cast<uint8_t>(rng() % 6);
    p.resize(rng() % (p.size() + 1));
    clamp_packet(p, 100, 100);
  }
}

// The quick look never misses what the whole walk would change.
TEST(MssClamp, TheQuickLookIsNeverWrong) {
  std::mt19937 rng(9293);
  for (int i = 0; i < 100'000; ++i) {
    const bool v6 = i % 2 == 0;
    Octets p = tcp_packet(v6, static_cast<uint8_t>(rng()), mss_option(1460));
    const std::size_t header = v6 ? 40 : 20;
    if (rng() % 2 == 0) p[v6 ? 6 : 9] = static_cast<uint8_t>(rng() % 64);
    if (!v6 && rng() % 4 == 0) p[0] = static_cast<uint8_t>(0x40 | rng() % 16);
    p.resize(header + rng() % (p.size() - header + 1));
    const Octets before = p;
    const bool maybe = may_be_syn(p);
    clamp_packet(p, 100, 100);
    ASSERT_TRUE(maybe || p == before);
  }
}

// In the stages: clamped to what the tunnel carries, on the way in and on the way out of it.
TEST(MssClamp, InTheTunnel) {
  test::EspBed bed;
  test::TunnelSpec t;
  EncapParams e = encap_of(t);
  e.outer_mtu = 1500;
  add_tunnel(bed, t, &e);
  EXPECT_EQ(bed.decrypt_one(bed.encrypt_one(tcp_packet(false, kSyn, mss_option(1460)))),
            tcp_packet(false, kSyn, mss_option(1406)));
  EXPECT_EQ(bed.decrypt_one(bed.encrypt_one(tcp_packet(true, kSyn, mss_option(1440)))),
            tcp_packet(true, kSyn, mss_option(1386)));
  // A peer that does not clamp.
  const auto from_peer = [&](const Octets& inner, uint64_t sequence) {
    return bed.decrypt_one(forge_packet(t, inner, {.sequence = sequence}));
  };
  EXPECT_EQ(from_peer(tcp_packet(false, kSyn, mss_option(1460)), 50),
            tcp_packet(false, kSyn, mss_option(1406)));
  EXPECT_EQ(from_peer(tcp_packet(true, kSyn | kAck, mss_option(1460)), 51),
            tcp_packet(true, kSyn | kAck, mss_option(1386)));
  EXPECT_EQ(from_peer(tcp_packet(false, kAck, mss_option(1460)), 52),
            tcp_packet(false, kAck, mss_option(1460)));
}

}  // namespace
}  // namespace kanmon::sa
