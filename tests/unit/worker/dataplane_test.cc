// The data plane as a whole, on wires of the test: forwarding, commands and their acknowledgement,
// what goes to and comes from control, ports that come and go, and the books (INV-4, INV-8, ESP-41:
// nothing is lost without a name, and every buffer comes home).
#include "dataplane/worker/dataplane.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/wire/headers.h"
#include "dataplane/worker/stage_clock.h"
#include "tests/support/gateway.h"

namespace kanmon {
namespace {

using test::frame;
using test::Gateway;
using test::ip;
using test::Octets;
using test::udp;
using test::operator+;
using ::testing::HasSubstr;

const Octets kText(40, 0x77);
const auto kNoPackets = [](const Punted&) {};
const auto kNoEvents = [](uint16_t, rings::Event) {};

Octets transit(uint8_t ttl = 64) {
  return ip({"10.0.1.9", "10.9.1.1", 17, ttl}, udp(1, 2, kText));
}

// At the end all is accounted for and every buffer is back.
void expect_balanced(Gateway& g) {
  const Gateway::Sums s = g.sums();
  EXPECT_EQ(s.in, s.out + s.queued);
  for (const uint16_t port : {g.wan(), g.lan(), g.far()}) (void)g.receive(port);
  while (g.dataplane().poll(kNoPackets, kNoEvents) != 0) {
  }
  EXPECT_EQ(g.dataplane().buffers_in_use(), 0u);
}

TEST(DataPlane, ForwardsFromPortToPort) {
  Gateway g({});
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(g.send(g.lan(), frame(transit())));
  g.settle();
  const std::vector<Octets> out = g.receive(g.far());
  ASSERT_EQ(out.size(), 300u);
  EXPECT_EQ(Octets(out[0].begin() + 14, out[0].end()), transit(63));
  const WorkerCounters& c = g.dataplane().counters(0);
  EXPECT_EQ(c.received.get(), 300u);
  EXPECT_EQ(c.transmitted.get(), 300u);
  for (const Stage stage : {Stage::kRx, Stage::kClassify, Stage::kRoute, Stage::kTx}) {
    EXPECT_EQ(c.stages[static_cast<int>(stage)].packets.get(), 300u);
    EXPECT_GT(c.stages[static_cast<int>(stage)].cycles.get(), 0u);
  }
  EXPECT_EQ(c.stages[static_cast<int>(Stage::kDecrypt)].bursts.get(), 0u);
  EXPECT_GE(c.total_cycles.get(), c.busy_cycles.get());
  expect_balanced(g);
}

TEST(DataPlane, AnswersPingThroughTheLoop) {
  Gateway g({});
  Octets request = {8, 0, 0xf7, 0xfd, 0, 1, 0, 1};
  ASSERT_TRUE(g.send(g.lan(), frame(ip({"10.0.1.9", "10.0.1.1", 1}, request))));
  g.settle();
  const std::vector<Octets> out = g.receive(g.lan());
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0][14 + 20], 0) << "echo reply";
  EXPECT_EQ(wire::IpAddress::v4(&out[0][14 + 16]).to_string(), "10.0.1.9");
  expect_balanced(g);
}

TEST(DataPlane, SendsIcmpErrorsInTheSameTurn) {
  Gateway g({});
  ASSERT_TRUE(g.send(g.lan(), frame(transit(1))));
  g.dataplane().turn();
  EXPECT_EQ(g.receive(g.lan()).size(), 1u);
  EXPECT_EQ(g.dropped(Drop::kTtlExceeded), 1u);
  expect_balanced(g);
}

TEST(DataPlane, CommandsAreNeverLostAndAcknowledgedInOrder) {
  Gateway g({2, true});
  DataPlane& d = g.dataplane();
  const uint64_t start = d.last_published();
  // Five times what a ring holds, while no worker turns.
  for (uint16_t i = 1; i <= 5000; ++i) {
    Adjacency a;
    a.mtu = i;
    EXPECT_EQ(d.publish(rings::SetAdjacency{static_cast<uint32_t>(i % 7) + 10, a}), start + i);
  }
  EXPECT_GT(d.worker_status(0).command_ring_full, 0u) << "a full ring is visible";
  EXPECT_EQ(d.worker_status(0).commands_waiting, 5000u);
  EXPECT_FALSE(d.acknowledged(start + 1));
  d.worker(0).turn();
  EXPECT_FALSE(d.acknowledged(start + 1)) << "one worker is not every worker";
  d.worker(1).turn();
  EXPECT_TRUE(d.acknowledged(start + 1));
  EXPECT_FALSE(d.acknowledged(start + 5000));
  EXPECT_TRUE(d.wait_for(start + 5000).ok());
  for (uint16_t w = 0; w < 2; ++w)
    for (uint16_t i = 4994; i <= 5000; ++i)
      EXPECT_EQ(d.worker(w).tables().adjacencies[i % 7 + 10].mtu, i);
  EXPECT_EQ(d.worker_status(1).commands_waiting, 0u);
  expect_balanced(g);
}

// "The SA with this SPI goes, if it is still the one in its slot."
TEST(DataPlane, RemovesAnInboundSaOnlyIfItIsStillThere) {
  Gateway g({});
  DataPlane& d = g.dataplane();
  const uint32_t before = sa::make_spi(5, 0x1111), after = sa::make_spi(5, 0x2222);
  sa::InboundParams params;
  const Octets keymat(36, 1);
  params.keymat = keymat;
  params.spi = before;
  sa::InboundSa* old_sa = sa::make_inbound(params);
  params.spi = after;
  sa::InboundSa* new_sa = sa::make_inbound(params);
  ASSERT_TRUE(old_sa != nullptr && new_sa != nullptr);
  ASSERT_TRUE(d.wait_for(d.publish(rings::SetInboundSa{before, old_sa})).ok());
  EXPECT_EQ(d.worker(0).tables().inbound(before), old_sa);
  d.publish(rings::SetInboundSa{after, new_sa});
  ASSERT_TRUE(d.wait_for(d.publish(rings::SetInboundSa{before, nullptr})).ok());
  EXPECT_EQ(d.worker(0).tables().inbound(after), new_sa);
  ASSERT_TRUE(d.wait_for(d.publish(rings::SetInboundSa{after, nullptr})).ok());
  EXPECT_EQ(d.worker(0).tables().inbound(after), nullptr);
  sa::destroy(old_sa);
  sa::destroy(new_sa);
}

TEST(DataPlane, GivesPuntsToControlWithTheirOrigin) {
  Gateway g({});
  const Octets arp = frame(kText, test::kBroadcast, wire::kEtherTypeArp);
  Octets ike = ip({"192.0.2.2", "192.0.2.1", 17}, udp(500, 500, kText));
  const Octets unresolved = ip({"10.0.2.9", "10.0.1.77", 17}, udp(1, 2, kText));
  ASSERT_TRUE(g.send(g.lan(), arp));
  ASSERT_TRUE(g.send(g.wan(), frame(ike)));
  ASSERT_TRUE(g.send(g.far(), frame(unresolved)));
  g.settle();
  std::vector<Punt> kinds;
  g.dataplane().poll(
      [&](const Punted& p) {
        kinds.push_back(p.kind);
        const Octets given(p.bytes.begin(), p.bytes.end());
        if (p.kind == Punt::kArp) {
          EXPECT_EQ(given, arp);
          EXPECT_EQ(p.port, g.lan());
        } else if (p.kind == Punt::kIke) {
          EXPECT_EQ(given, ike);
          EXPECT_EQ(p.table, Gateway::kUnderlay);
          EXPECT_EQ(p.port, g.wan());
        } else {
          EXPECT_EQ(p.kind, Punt::kGlean);
          EXPECT_EQ(p.next_hop.index(), g.lan());
          EXPECT_EQ(p.table, Gateway::kOverlay);
        }
      },
      kNoEvents);
  EXPECT_EQ(kinds.size(), 3u);
  EXPECT_EQ(g.dataplane().counters(0).punted.get(), 3u);
  expect_balanced(g);
}

TEST(DataPlane, SendsWhatControlGives) {
  Gateway g({2, true});
  DataPlane& d = g.dataplane();
  const Octets packet = ip({"192.0.2.1", "192.0.2.2", 17, 1}, udp(500, 500, kText));
  ASSERT_TRUE(d.send_packet(Gateway::kUnderlay, packet).ok());
  ASSERT_TRUE(d.send_frame(g.lan(), frame(kText, test::kBroadcast, wire::kEtherTypeArp)).ok());
  g.settle();
  const std::vector<Octets> wan = g.receive(g.wan());
  ASSERT_EQ(wan.size(), 1u);
  EXPECT_EQ(Octets(wan[0].begin() + 14, wan[0].end()), packet) << "TTL untouched";
  EXPECT_EQ(g.receive(g.lan()).size(), 1u);
  EXPECT_EQ(d.send_packet(Gateway::kUnderlay, {}).error().code, Errc::kBadLength);
  EXPECT_EQ(d.send_packet(Gateway::kUnderlay, Octets(4000, 1)).error().code, Errc::kBadLength);
  EXPECT_EQ(d.send_frame(60, kText).error().code, Errc::kNotFound);
  expect_balanced(g);
}

TEST(DataPlane, RefusesControlsPacketsWhenFullAndRecovers) {
  Gateway g({});
  DataPlane& d = g.dataplane();
  const Octets packet = ip({"192.0.2.1", "192.0.2.2", 17, 1}, udp(500, 500, kText));
  int taken = 0;
  while (d.send_packet(Gateway::kUnderlay, packet).ok()) ASSERT_LT(++taken, 5000);
  EXPECT_EQ(d.send_packet(Gateway::kUnderlay, packet).error().code, Errc::kNoSpace);
  g.settle();
  EXPECT_EQ(g.receive(g.wan()).size(), static_cast<std::size_t>(taken));
  EXPECT_TRUE(d.send_packet(Gateway::kUnderlay, packet).ok());
  g.settle();
  expect_balanced(g);
}

TEST(DataPlane, LimitsPuntsByKindAndCountsAFullRing) {
  Gateway g({});
  const Octets arp = frame(kText, test::kBroadcast, wire::kEtherTypeArp);
  const Octets ike = frame(ip({"192.0.2.2", "192.0.2.1", 17}, udp(500, 500, kText)));
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(g.send(g.lan(), arp));
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(g.send(g.wan(), ike));
  g.settle();
  EXPECT_GT(g.dropped(Drop::kPuntRateLimited), 0u);
  EXPECT_GT(g.dropped(Drop::kPuntRingFull), 0u);
  EXPECT_EQ(g.dataplane().counters(0).punted.get(), 1024u);
  uint32_t of_ike = 0;
  while (g.dataplane().poll([&](const Punted& p) { of_ike += p.kind == Punt::kIke; }, kNoEvents)) {
  }
  EXPECT_GT(of_ike, 700u) << "a flood of ARP leaves room for IKE";
  expect_balanced(g);
}

// Events wait in the worker while control is behind; none is lost, none overtakes.
TEST(DataPlane, ReportsEveryEventInOrder) {
  Gateway g({});
  EventQueue& queue = *g.dataplane().worker(0).context().events;
  const auto soft = static_cast<uint8_t>(rings::EventKind::kInboundSoftLimit);
  uint32_t pushed = 0, seen = 0;
  const auto push_all = [&] {
    while (queue.push(soft, pushed)) ++pushed;
  };
  for (int i = 0; i < 10; ++i) {
    push_all();
    g.dataplane().turn();
  }
  EXPECT_EQ(pushed, 1024u + EventQueue::kRoom) << "ring and queue are full";
  for (int i = 0; i < 10 && seen < pushed; ++i) {
    g.dataplane().poll(kNoPackets, [&](uint16_t worker, rings::Event e) {
      EXPECT_EQ(worker, 0);
      EXPECT_EQ(e.kind, rings::EventKind::kInboundSoftLimit);
      EXPECT_EQ(e.value, seen++);
    });
    g.dataplane().turn();
  }
  EXPECT_EQ(seen, pushed);
}

// Without buffers nothing is made, what is there still flows, control still speaks, and all is well
// again as soon as buffers come back.
TEST(DataPlane, OutlivesThePoolRunningDry) {
  Gateway g({});
  const Octets large = frame(ip({"10.0.1.9", "10.9.1.1", 17}, Octets(1700, 3)));  // must be split
  ASSERT_TRUE(g.send(g.lan(), large));
  ASSERT_TRUE(g.send(g.lan(), frame(transit(1))));
  ASSERT_TRUE(g.send(g.lan(), frame(transit())));
  std::vector<Packet*> held;
  for (Packet* p; (p = rte_pktmbuf_alloc(g.dataplane().packet_pool())) != nullptr;)
    held.push_back(p);
  g.settle();
  EXPECT_EQ(g.dropped(Drop::kNoBuffer), 1u);
  EXPECT_EQ(g.dropped(Drop::kTtlExceeded), 1u);
  // The buffer that the first drop gave back may carry the ICMP error.
  EXPECT_LE(g.receive(g.lan()).size(), 1u);
  EXPECT_EQ(g.receive(g.far()).size(), 1u);
  const Octets ike = ip({"192.0.2.1", "192.0.2.2", 17}, udp(500, 500, kText));
  EXPECT_TRUE(g.dataplane().send_packet(Gateway::kUnderlay, ike).ok());
  g.settle();
  EXPECT_EQ(g.receive(g.wan()).size(), 1u);
  for (Packet* p : held) rte_pktmbuf_free(p);
  ASSERT_TRUE(g.send(g.lan(), large));
  g.settle();
  EXPECT_EQ(g.receive(g.far()).size(), 2u);
  expect_balanced(g);
}

TEST(DataPlane, PortsComeAndGo) {
  Gateway g({});
  DataPlane& d = g.dataplane();
  EXPECT_EQ(d.ports().size(), 3u);
  ASSERT_TRUE(d.close_port(g.far()).ok());
  EXPECT_EQ(d.ports().size(), 2u);
  EXPECT_EQ(d.close_port(g.far()).error().code, Errc::kNotFound);
  ASSERT_TRUE(g.send(g.lan(), frame(transit())));
  g.settle();
  EXPECT_EQ(g.dropped(Drop::kTxPortDown), 1u);
  // The same wire again, as a new port.
  PortOptions options;
  options.name = "again";
  options.device = "ring:" + g.wire(g.far()).name;
  options.mac = test::kOurMac;
  const Outcome<PortInfo> again = d.open_port(options);
  ASSERT_TRUE(again) << again.error;
  EXPECT_EQ(again.value->id, g.far()) << "the lowest free number";
  ASSERT_TRUE(g.send(g.lan(), frame(transit())));
  g.settle();
  EXPECT_EQ(g.receive(g.far()).size(), 1u);
  expect_balanced(g);
}

TEST(DataPlane, SaysWhatIsWrongWithADevice) {
  Gateway g({});
  const auto error_of = [&g](const char* device) {
    PortOptions options;
    options.name = "wan";
    options.device = device;
    return g.dataplane().open_port(options).error;
  };
  EXPECT_EQ(error_of("af_packet:eth99"), "port wan: af_packet:eth99: no such interface");
  EXPECT_EQ(error_of("af_xdp:eth99"), "port wan: af_xdp:eth99: no such interface");
  EXPECT_THAT(error_of("carrier_pigeon:7"), HasSubstr("unknown kind of device; known are pci:,"));
  EXPECT_THAT(error_of("eth0"), HasSubstr("unknown kind of device"));
  EXPECT_THAT(error_of("af_packet:"), HasSubstr("expected an interface"));
  EXPECT_THAT(error_of("pci:0000:ff:1f.7"), HasSubstr("port wan: pci:0000:ff:1f.7: "));
  EXPECT_THAT(error_of("pcap:rx=/nonexistent.pcap"), HasSubstr("the driver refused the device"));
  EXPECT_EQ(g.dataplane().ports().size(), 3u);
}

// ---- two workers

TEST(DataPlane, HandsFramesToTheWorkerWithTheQueue) {
  Gateway g({2, true, 1});  // one queue a wire: wan and far belong to worker 0, lan to worker 1
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(g.send(g.lan(), frame(transit())));
  g.settle();
  EXPECT_EQ(g.receive(g.far()).size(), 100u);
  const WorkerCounters &zero = g.dataplane().counters(0), &one = g.dataplane().counters(1);
  EXPECT_EQ(one.received.get(), 100u);
  EXPECT_EQ(one.handed_over.get(), 100u);
  EXPECT_EQ(zero.taken_over.get(), 100u);
  EXPECT_EQ(zero.transmitted.get(), 100u);
  expect_balanced(g);
}

TEST(DataPlane, HandsEspToTheOwnerOfItsSa) {
  Gateway g({2, true});
  sa::InboundParams params;
  const Octets keymat(36, 1);
  params.keymat = keymat;
  params.spi = sa::make_spi(9, 0x4242);
  params.owner_worker = 1;
  params.local = wire::IpAddress::parse("192.0.2.1").value();
  sa::InboundSa* sa = sa::make_inbound(params);
  ASSERT_NE(sa, nullptr);
  DataPlane& d = g.dataplane();
  ASSERT_TRUE(d.wait_for(d.publish(rings::SetInboundSa{params.spi, sa})).ok());
  Octets esp(64, 5);
  store_be(&esp[0], params.spi);
  ASSERT_TRUE(g.send(g.wan(), frame(ip({"192.0.2.2", "192.0.2.1", 50}, esp)), 0));
  g.settle();
  EXPECT_EQ(d.counters(0).handed_over.get(), 1u);
  EXPECT_EQ(d.counters(1).drops[static_cast<int>(Drop::kIcvFailed)].get(), 1u);
  ASSERT_TRUE(d.wait_for(d.publish(rings::SetInboundSa{params.spi, nullptr})).ok());
  sa::destroy(sa);
  expect_balanced(g);
}

// Sends `bursts` times a packet from lan to far, each a burst by itself; where the latencies are.
observe::LatencyHistogram::Reading latency_after(Gateway& g, uint32_t bursts, uint16_t worker) {
  for (uint32_t i = 0; i < bursts; ++i) {
    EXPECT_TRUE(g.send(g.lan(), frame(transit())));
    g.settle();
    (void)g.receive(g.far());
  }
  observe::LatencyHistogram::Reading reading;
  reading.add(g.dataplane().counters(worker).latency);
  return reading;
}

TEST(DataPlane, SamplesTheLatencyOfOneBurstInSoMany) {
  constexpr uint32_t kEvery = observe::LatencySampling::kSampleEvery;
  Gateway g({});
  EXPECT_EQ(latency_after(g, kEvery - 1, 0).count, 0u);
  const uint64_t before = read_tsc();
  const auto reading = latency_after(g, 1, 0);
  EXPECT_EQ(reading.count, 1u);
  EXPECT_GT(reading.longest, 0u);
  EXPECT_LT(reading.longest, read_tsc() - before);
  EXPECT_EQ(latency_after(g, 5 * kEvery, 0).count, 6u);
  // Dropped packets are no latency.
  for (uint32_t i = 0; i < 2 * kEvery; ++i) {
    ASSERT_TRUE(g.send(g.lan(), frame(ip({"10.0.1.9", "10.66.1.1", 17}, kText))));
    g.settle();
  }
  EXPECT_EQ(latency_after(g, 0, 0).count, 6u);
  expect_balanced(g);
}

TEST(DataPlane, LatencyIsCountedByTheWorkerThatSends) {
  constexpr uint32_t kEvery = observe::LatencySampling::kSampleEvery;
  Gateway g({2, true, 1});  // lan is worker 1's, far worker 0's
  EXPECT_EQ(latency_after(g, 3 * kEvery, 0).count, 3u);
  EXPECT_EQ(latency_after(g, 0, 1).count, 0u);
  expect_balanced(g);
}

// A stalled worker costs its own share, by name, and nobody else's.
TEST(DataPlane, FullHandoffRingDropsTheTailByName) {
  Gateway g({2, true, 1});
  DataPlane& d = g.dataplane();
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(g.send(g.lan(), frame(transit())));
  for (int i = 0; i < 60; ++i) d.worker(1).turn();
  EXPECT_EQ(d.counters(1).handed_over.get(), 1024u);
  EXPECT_EQ(g.dropped(Drop::kHandoffFull), 3000u - 1024u);
  EXPECT_EQ(g.sums().queued, 1024u);
  g.settle();
  EXPECT_EQ(g.receive(g.far()).size(), 1024u);
  expect_balanced(g);
}

TEST(DataPlane, AFullWireDropsByName) {
  Gateway g({});
  const uint32_t room = 4095;  // of DPDK's ring of 4,096
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3000; ++i) ASSERT_TRUE(g.send(g.lan(), frame(transit())));
    g.settle();
  }
  EXPECT_EQ(g.dataplane().counters(0).transmitted.get(), room);
  EXPECT_EQ(g.dropped(Drop::kTxQueueFull), 6000u - room);
  expect_balanced(g);
}

// Random damage to every kind of frame: whatever happens, the books balance (ESP-41).
TEST(DataPlane, BalancesItsBooksUnderRandomDamage) {
  Gateway g({2, true});
  std::mt19937 rng(41);
  const Octets good[] = {
      frame(transit()),
      frame(transit(1)),
      frame(ip({"10.0.1.9", "10.5.0.1", 6}, kText)),
      frame(ip({"10.0.1.9", "10.0.1.1", 1}, {8, 0, 0xf7, 0xfd, 0, 1, 0, 1})),
      frame(ip({"10.0.1.9", "10.0.1.1", 17}, udp(7, 7, kText))),
      frame(ip({"10.0.1.9", "10.9.1.1", 17}, Octets(1700, 3))),
      frame(ip({"10.0.1.9", "10.9.1.1", 17, 64, wire::ip4::kDontFragment}, Octets(1700, 3))),
      frame(ip({"2001:db8:1::9", "2001:db8:9::1", 17}, kText)),
      frame(kText, test::kBroadcast, wire::kEtherTypeArp),
      frame(ip({"192.0.2.2", "192.0.2.1", 50}, kText)),
      frame(ip({"192.0.2.2", "192.0.2.1", 17}, udp(4500, 4500, kText))),
      frame(ip({"192.0.2.2", "192.0.2.1", 17}, udp(500, 500, kText))),
  };
  for (int i = 0; i < 40'000; ++i) {
    Octets f = good[rng() % std::size(good)];
    for (uint32_t n = rng() % 3; n > 0; --n)
      f[rng() % std::min<std::size_t>(f.size(), 80)] ^= static_cast<uint8_t>(1u << rng() % 8);
    if (rng() % 8 == 0) f.resize(rng() % f.size());
    if (!f.empty()) (void)g.send(rng() % 2 != 0 ? g.lan() : g.wan(), f, rng() % 2);
    if (i % 97 != 0) continue;
    g.settle();
    while (g.dataplane().poll(kNoPackets, kNoEvents) != 0) {
    }
    for (const uint16_t port : {g.wan(), g.lan(), g.far()}) (void)g.receive(port);
    ASSERT_EQ(g.sums().in, g.sums().out) << i;
    ASSERT_EQ(g.dataplane().buffers_in_use(), 0u) << i;
  }
  EXPECT_GT(g.dataplane().counters(0).generated.get(), 0u);
  g.settle();
  expect_balanced(g);
}

// ---- with threads

TEST(DataPlaneThreads, CarryTrafficAndStopWithPacketsInFlight) {
  for (int round = 0; round < 3; ++round) {
    Gateway g({2, false});
    DataPlane& d = g.dataplane();
    uint64_t sent = 0, received = 0;
    for (int i = 0; i < 20'000; ++i) {
      sent += g.send(g.lan(), frame(transit()), static_cast<uint16_t>(i % 2));
      if (i % 64 == 0) received += g.receive(g.far()).size();
      if (i % 512 == 0) d.poll(kNoPackets, kNoEvents);
    }
    EXPECT_TRUE(d.worker_status(0).running);
    ASSERT_TRUE(d.stop().ok());
    EXPECT_FALSE(d.worker_status(1).running);
    received += g.receive(g.far()).size();
    EXPECT_GT(received, 0u);
    EXPECT_LE(received, sent);
    const Gateway::Sums s = g.sums();
    EXPECT_EQ(s.in, s.out);
    EXPECT_EQ(s.queued, 0u);
    EXPECT_EQ(d.buffers_in_use(), 0u) << "wires that were not read are drained with their port";
    EXPECT_TRUE(d.acknowledged(d.last_published()));
    EXPECT_EQ(d.send_packet(1, kText).error().code, Errc::kSystem);
  }
}

TEST(DataPlaneThreads, AcknowledgeWhileTrafficRuns) {
  Gateway g({2, false, 1});  // every frame is handed over
  DataPlane& d = g.dataplane();
  uint64_t sent = 0, received = 0;
  for (int i = 0; i < 2'000; ++i) {
    for (int k = 0; k < 8; ++k) sent += g.send(g.lan(), frame(transit()));
    Adjacency a = {};
    a.mtu = static_cast<uint16_t>(i);
    const uint64_t number = d.publish(rings::SetAdjacency{20, a});
    if (i % 50 == 0) {
      ASSERT_TRUE(d.wait_for(number).ok());
    }
    received += g.receive(g.far()).size();
  }
  ASSERT_TRUE(d.wait_for(d.last_published()).ok());
  for (int spins = 0; spins < 100'000 && received + g.dropped_in_all() < sent; ++spins)
    received += g.receive(g.far()).size();
  EXPECT_EQ(received + g.dropped_in_all(), sent);
  EXPECT_LT(d.worker_status(0).heartbeat_age_ns, 1'000'000'000u);
}

}  // namespace
}  // namespace kanmon
