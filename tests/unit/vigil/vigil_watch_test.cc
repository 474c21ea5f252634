// Checks in a worker: what goes out, what is believed, and what it does to the tunnel (BFD-01,
// BFD-03, BFD-04; RFC 5881 sections 4 and 5; INV-7).
#include <algorithm>

#include <gtest/gtest.h>

#include "dataplane/local/local.h"
#include "dataplane/rings/messages.h"
#include "dataplane/vigil/watch.h"
#include "dataplane/wire/checksum.h"
#include "tests/support/bfd_pair.h"
#include "tests/support/stage_bed.h"

namespace kanmon::vigil {
namespace {

using test::Octets;
using test::StageBed;

constexpr uint64_t kMs = 1000;
constexpr uint32_t kOtherTunnel = 6;

bfd::Policy every_50ms() {
  bfd::Policy p;
  p.desired_min_tx_us = p.required_min_rx_us = 50 * kMs;
  return p;
}

class VigilWatch : public ::testing::Test {
 protected:
  VigilWatch() {
    bed.context().vigil = &watch;
    bed.context().tsc_hz = 1'000'000;  // a tick is a microsecond
    bed.context().workers = 2;
    bed.context().worker = 1;
    install(StageBed::kTunnel, true);
    turn_clock(kMs);
  }
  ~VigilWatch() override {
    for (PacketVector& lane : bed.lanes().handoff) test::take_out(lane);
    test::take_out(bed.lanes().encrypt);
    EXPECT_EQ(bed.packets_out(), before);
  }

  void install(uint32_t tunnel, bool there) {
    // Only asked whether it is there.
    static uint64_t something;
    bed.tables().tunnels[tunnel].sa =
        there ? reinterpret_cast<sa::OutboundSa*>(&something) : nullptr;
  }
  Path path() const {
    Path p;
    p.tunnel = StageBed::kTunnel;
    p.table = StageBed::kOverlay;
    p.local = *wire::IpAddress::parse("10.0.1.1");
    p.remote = *wire::IpAddress::parse("10.5.0.1");
    return p;
  }
  Settings bfd_settings() const {
    Settings s;
    s.kind = Kind::kBfd;
    s.path = path();
    s.bfd = every_50ms();
    return s;
  }
  Settings echo_settings() const {
    Settings s;
    s.path = path();
    s.echo_interval_us = s.echo_timeout_us = 100 * kMs;
    return s;
  }
  Check& put(const Settings& s, uint32_t slot = 77) {
    auto next = std::make_unique<Check>(s, slot, 0x1234567890abcdefu, test::openssl_sha1);
    watch.set(bed.context(), slot, next.get());
    check = std::move(next);  // what it replaces lives until the worker has let go of it
    return *check;
  }
  void turn_clock(uint64_t us) { bed.context().now_tsc += us; }
  uint64_t now() { return bed.context().now_tsc; }
  std::vector<Octets> turn() {
    watch.run(bed.context());
    return test::take_out(bed.lanes().encrypt);
  }
  void arrive(const Octets& packet, uint32_t tunnel) {
    Packet* p = bed.routed(packet);
    meta(p).port = kNoPort;
    meta(p).tunnel_in = tunnel;
    bed.lanes().local.push(p);
    local::run(bed.context());
  }
  bool is_down(uint32_t tunnel = StageBed::kTunnel) const { return liveness.is_down(tunnel); }
  uint32_t events() {
    const uint32_t n = bed.context().events->count;
    bed.context().events->count = 0;
    return n;
  }

  // The far end's answer to a request.
  static Octets answer_of(Octets request) {
    std::swap_ranges(&request[12], &request[16], &request[16]);
    request[20] = 0;
    request[22] = request[23] = 0;
    const uint16_t sum = wire::checksum(wire::Bytes(request).subspan(20));
    std::memcpy(&request[22], &sum, 2);
    return request;
  }

  StageBed bed;
  Liveness liveness{16};
  Watch watch{1, 2, 1'000'000, &liveness};
  std::unique_ptr<Check> check;
  const uint32_t before = bed.packets_out();
};

// A far end that speaks BFD, and the way there and back.
class VigilBfd : public VigilWatch {
 protected:
  struct Sent {
    uint8_t ttl = 255;
    uint16_t source_port = 50'000;
    uint16_t port = 3784;
    uint32_t tunnel = StageBed::kTunnel;
    bool summed = true;
  };
  // What our session sends reaches the far end, whose packet reaches us as `sent` says.
  void exchange(uint64_t us, const Sent& sent, bool lost = false) {
    for (const uint64_t end = now() + us; now() < end; turn_clock(kMs)) {
      for (const Octets& p : turn()) {
        ours.push_back(p);
        (void)far.receive(now(), wire::Bytes(p).subspan(28));
      }
      far.expire(now());
      Octets room(bfd::kMostBytes);
      room.resize(far.transmit(now(), room));
      if (!room.empty() && !lost) arrive(datagram(room, sent), sent.tunnel);
    }
  }
  Octets datagram(const Octets& payload, const Sent& s) {
    Octets p =
        test::ip({"10.5.0.1", "10.0.1.1", 17, s.ttl}, test::udp(s.source_port, s.port, payload));
    if (s.summed) test::sum_udp(p);
    return p;
  }
  uint64_t refused(bfd::Refusal r) const {
    return check->report.refusals[static_cast<std::size_t>(r)].get();
  }

  bfd::Session far{every_50ms(), 0x99, 4, test::openssl_sha1};
  std::vector<Octets> ours;
};

TEST_F(VigilBfd, SessionComesUpAndItsPacketsAreThoseOfTheRfc) {
  Check& c = put(bfd_settings());
  EXPECT_FALSE(is_down()) << "nothing is known yet: who begins to look interrupts nothing";
  exchange(3000 * kMs, {});
  EXPECT_EQ(c.session->state(), bfd::State::kUp);
  EXPECT_EQ(far.state(), bfd::State::kUp);
  EXPECT_FALSE(is_down());
  EXPECT_FALSE(c.report.undecided.get());
  EXPECT_EQ(c.report.state.get(), uint64_t{3});
  ASSERT_FALSE(ours.empty());
  const Octets& p = ours.back();
  EXPECT_EQ(p[8], 255) << "TTL";
  EXPECT_GE(p[20] << 8 | p[21], 49'152);
  EXPECT_EQ(p[22] << 8 | p[23], 3784);
  EXPECT_EQ(wire::checksum(wire::Bytes(p).first(20)), 0);
  Octets summed = p;
  test::sum_udp(summed);
  EXPECT_EQ(p, summed);
  EXPECT_EQ(bed.dropped(Drop::kBfd), c.report.good.get());
  EXPECT_EQ(bed.generated(), c.report.sent.get());
  EXPECT_GT(events(), 0u);
}

TEST_F(VigilBfd, PacketsLackingMovesTheTunnelInTheDetectionTime) {
  put(bfd_settings());
  exchange(3000 * kMs, {});
  const uint64_t cut = now();
  exchange(1000 * kMs, {}, true);
  EXPECT_TRUE(is_down());
  EXPECT_LE(check->report.changed_us.get(), cut + 150 * kMs + 2 * kMs);
  EXPECT_EQ(check->report.diag.get(), static_cast<uint64_t>(bfd::Diag::kDetectionTimeExpired));
  EXPECT_LE(check->report.missed_us.get(), cut);
  exchange(3000 * kMs, {});
  EXPECT_FALSE(is_down());
  EXPECT_EQ(check->report.changes.get(), 2u);
}

TEST_F(VigilBfd, SessionThatNeverComesUpIsDownAfterItsGrace) {
  put(bfd_settings());
  exchange(2900 * kMs, {}, true);
  EXPECT_FALSE(is_down());
  exchange(200 * kMs, {}, true);
  EXPECT_TRUE(is_down());
}

// RFC 5882 section 3.2 (BFD-04).
TEST_F(VigilBfd, FarEndShutByItsOperatorIsNoFailure) {
  put(bfd_settings());
  exchange(3000 * kMs, {});
  far.set_admin_down(now(), true);
  exchange(5000 * kMs, {});
  EXPECT_EQ(check->session->state(), bfd::State::kDown);
  EXPECT_FALSE(is_down());
  EXPECT_EQ(check->report.times_down.get(), 0u);
  exchange(5000 * kMs, {}, true);
  EXPECT_FALSE(is_down()) << "it was shut, and then its session removed";
  far.set_admin_down(now(), false);
  exchange(3000 * kMs, {});
  EXPECT_EQ(check->session->state(), bfd::State::kUp);
}

// INV-7: authentic is what an SA of the same tunnel decrypted, and nothing else.
TEST_F(VigilBfd, PacketsOfAnotherTunnelDoNotCount) {
  put(bfd_settings());
  Sent astray;
  astray.tunnel = kOtherTunnel;
  exchange(4000 * kMs, astray);
  EXPECT_EQ(check->session->state(), bfd::State::kDown);
  EXPECT_EQ(check->session->remote_discriminator(), 0u) << "nothing was learned of them";
  EXPECT_TRUE(is_down());
  EXPECT_TRUE(check->report.is_asymmetric.get());
  EXPECT_EQ(check->report.other_tunnel.get(), kOtherTunnel);
  EXPECT_EQ(bed.dropped(Drop::kAsymmetric), check->report.asymmetric.get());
  Sent clear;
  clear.tunnel = kNoTunnel;
  exchange(4000 * kMs, clear);
  EXPECT_EQ(check->session->state(), bfd::State::kDown);
  exchange(3000 * kMs, {});
  EXPECT_EQ(check->session->state(), bfd::State::kUp);
  EXPECT_FALSE(check->report.is_asymmetric.get());
}

TEST_F(VigilBfd, WhatTheHeadersForbidChangesNothing) {
  struct Row {
    Sent sent;
    bfd::Refusal why;
  };
  Row rows[2] = {{{}, bfd::Refusal::kTtl}, {{}, bfd::Refusal::kSourcePort}};
  rows[0].sent.ttl = 254;
  rows[1].sent.source_port = 49'151;
  for (const Row& row : rows) {
    put(bfd_settings());
    exchange(2500 * kMs, row.sent);
    EXPECT_EQ(check->session->remote_discriminator(), 0u);
    EXPECT_GT(refused(row.why), 0u) << to_string(row.why);
  }
  EXPECT_GT(bed.dropped(Drop::kBfdRefused), 0u);
  Octets broken = datagram(Octets(24, 1), {});
  broken.back() ^= 1;
  arrive(broken, StageBed::kTunnel);
  EXPECT_EQ(bed.dropped(Drop::kUdpBadChecksum), 1u);
}

// RFC 5883: several hops away the TTL says nothing, and the port is another.
TEST_F(VigilBfd, MultihopHasItsOwnPort) {
  Settings s = bfd_settings();
  s.multihop = true;
  put(s);
  Sent sent;
  sent.ttl = 17;
  sent.port = 4784;
  exchange(3000 * kMs, sent);
  EXPECT_EQ(check->session->state(), bfd::State::kUp);
  EXPECT_EQ(ours.back()[22] << 8 | ours.back()[23], 4784);
  const uint64_t taken = bed.dropped(Drop::kBfd);
  exchange(40 * kMs, {}, true);
  arrive(datagram(Octets(24, 1), {}), StageBed::kTunnel);
  EXPECT_EQ(bed.dropped(Drop::kBfd), taken) << "a single-hop packet is for another session";
  test::take_out(bed.lanes().route);  // a closed port is told
}

TEST_F(VigilBfd, SessionTakenOutSaysGoodbye) {
  put(bfd_settings());
  exchange(3000 * kMs, {});
  exchange(400 * kMs, {}, true);
  EXPECT_TRUE(is_down());
  watch.set(bed.context(), 77, nullptr);
  EXPECT_FALSE(is_down()) << "nobody says so any more";
  const std::vector<Octets> last = test::take_out(bed.lanes().encrypt);
  ASSERT_EQ(last.size(), 1u);
  bfd::Packet p;
  ASSERT_EQ(bfd::parse(wire::Bytes(last[0]).subspan(28), p), bfd::Refusal::kNone);
  EXPECT_EQ(p.state, bfd::State::kAdminDown);
  EXPECT_EQ(watch.next_tsc(), ~uint64_t{0});
  arrive(datagram(Octets(24, 1), {}), StageBed::kTunnel);
  EXPECT_EQ(bed.dropped(Drop::kBfd) + bed.dropped(Drop::kNoService), check->report.good.get() + 1);
  test::take_out(bed.lanes().route);  // a closed port is told
}

TEST_F(VigilBfd, NewIntervalsDoNotInterrupt) {
  put(bfd_settings());
  exchange(3000 * kMs, {});
  bfd::Policy slow = every_50ms();
  slow.desired_min_tx_us = slow.required_min_rx_us = 200 * kMs;
  watch.change(bed.context(), 77, slow);
  exchange(3000 * kMs, {});
  EXPECT_EQ(check->report.times_down.get(), 0u);
  EXPECT_EQ(check->report.tx_interval_us.get(), 200 * kMs);
  EXPECT_EQ(far.tx_interval_us(), 200 * kMs);
}

// A packet that comes in at another worker finds its owner.
TEST_F(VigilBfd, PacketsGoToTheOwner) {
  Settings s = bfd_settings();
  s.path.tunnel = 4;  // worker 0's
  put(s);
  EXPECT_TRUE(turn().empty()) << "only the owner sends";
  arrive(datagram(Octets(24, 1), {}), 4);
  ASSERT_EQ(bed.lanes().handoff[0].count, 1u);
  EXPECT_EQ(meta(bed.lanes().handoff[0].slots[0]).errand, Errand::kLocal);
  EXPECT_EQ(bed.dropped_in_all(), 0u);
}

TEST_F(VigilBfd, NothingIsSentWhileTheTunnelHasNoSa) {
  install(StageBed::kTunnel, false);
  put(bfd_settings());
  exchange(5000 * kMs, {});
  EXPECT_TRUE(ours.empty());
  EXPECT_GT(check->report.unsent.get(), 3u);
  EXPECT_EQ(bed.dropped_in_all(), bed.dropped(Drop::kBfd));
  install(StageBed::kTunnel, true);
  exchange(3000 * kMs, {});
  EXPECT_FALSE(is_down());
}

TEST_F(VigilWatch, ProbesFallAndRise) {
  Check& c = put(echo_settings());
  for (int i = 0; i < 3; ++i, turn_clock(100 * kMs)) {
    const std::vector<Octets> sent = turn();
    ASSERT_EQ(sent.size(), 1u);
    turn_clock(7 * kMs);
    arrive(answer_of(sent[0]), StageBed::kTunnel);
    turn_clock(uint64_t{0} - 7 * kMs);
  }
  EXPECT_EQ(c.report.good.get(), 3u);
  EXPECT_EQ(c.report.round_trip_us.get(), 7 * kMs);
  EXPECT_FALSE(c.report.undecided.get());
  uint64_t waited = 0;
  for (; !is_down() && waited < 2000 * kMs; waited += kMs, turn_clock(kMs)) turn();
  EXPECT_TRUE(is_down());
  EXPECT_LE(waited, liveness::worst_probe_detection_us(100 * kMs, 100 * kMs, 3));
  EXPECT_EQ(c.report.lost.get(), 3u);
  EXPECT_EQ(c.report.recent.get(), 0b000111u);
}

TEST_F(VigilWatch, TheWrongTargetIsNamed) {
  Check& c = put(echo_settings());
  for (int i = 0; i < 8; ++i, turn_clock(100 * kMs))
    for (const Octets& sent : turn()) arrive(answer_of(sent), kOtherTunnel);
  EXPECT_EQ(c.report.good.get(), 0u);
  EXPECT_EQ(c.report.lost.get(), 0u) << "neither an answer nor a loss";
  EXPECT_EQ(c.report.asymmetric.get(), 8u);
  EXPECT_TRUE(c.report.is_asymmetric.get());
  EXPECT_EQ(c.report.other_tunnel.get(), kOtherTunnel);
  EXPECT_EQ(bed.dropped(Drop::kAsymmetric), 8u);
}

TEST_F(VigilWatch, OthersEchoRepliesAreLeftAlone) {
  Check& c = put(echo_settings());
  const std::vector<Octets> sent = turn();
  ASSERT_EQ(sent.size(), 1u);
  Octets other = answer_of(sent[0]);
  other[28] ^= 1;  // another token
  other[22] = other[23] = 0;
  const uint16_t sum = wire::checksum(wire::Bytes(other).subspan(20));
  std::memcpy(&other[22], &sum, 2);
  arrive(other, StageBed::kTunnel);
  EXPECT_EQ(bed.dropped(Drop::kNoService), 1u) << "the machine's own ping, if it had the address";
  EXPECT_EQ(c.report.good.get(), 0u);
}

// Two checks of a tunnel: down if either says so.
TEST_F(VigilWatch, EitherCheckIsEnough) {
  Settings probe = echo_settings();
  probe.starts_down = true;
  put(probe);
  Check session(bfd_settings(), 78, 5, test::openssl_sha1);
  watch.set(bed.context(), 78, &session);
  EXPECT_TRUE(is_down());
  watch.set(bed.context(), 78, nullptr);
  EXPECT_TRUE(is_down());
  watch.set(bed.context(), 77, nullptr);
  EXPECT_FALSE(is_down());
}

TEST_F(VigilWatch, WhatControlDidNotHearIsToldLater) {
  bed.context().events->count = EventQueue::kRoom;
  put(echo_settings());
  for (int i = 0; i < 500; ++i, turn_clock(kMs)) turn();
  EXPECT_TRUE(is_down());
  EXPECT_FALSE(check->told);
  bed.context().events->count = 0;
  turn_clock(100 * kMs);
  turn();
  ASSERT_EQ(events(), 1u);
  EXPECT_EQ(bed.context().events->items[0].kind,
            static_cast<uint8_t>(rings::EventKind::kCheckChanged));
  EXPECT_EQ(bed.context().events->items[0].value, 77u);
}

// Many checks due at once are served over several turns, none is forgotten.
TEST_F(VigilWatch, ATurnIsBounded) {
  std::vector<std::unique_ptr<Check>> many;
  for (uint32_t i = 0; i < 100; ++i) {
    many.push_back(std::make_unique<Check>(echo_settings(), i, i, test::openssl_sha1));
    watch.set(bed.context(), i, many.back().get());
  }
  std::size_t sent = 0;
  for (int i = 0; i < 4; ++i) {
    const std::size_t n = turn().size();
    EXPECT_LE(n, Watch::kPerTurn);
    sent += n;
  }
  EXPECT_EQ(sent, 100u);
  EXPECT_GT(watch.next_tsc(), now());
  for (uint32_t i = 0; i < 100; ++i) watch.set(bed.context(), i, nullptr);
}

}  // namespace
}  // namespace kanmon::vigil
