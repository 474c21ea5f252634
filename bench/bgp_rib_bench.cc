// The BGP routing table under a full feed: what a route costs in time and memory, from the
// attributes as decoded to the best path handed to a consumer, and what churn costs after that. The
// shape is the feed of the project's goal: a million IPv4 prefixes in 153 thousand updates.
#include <random>
#include <vector>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "control/bgp/rib/rib.h"

namespace kanmon::bgp {
namespace {

constexpr uint32_t kUpdates = 153'000;

// Attributes of update `n`, as different from others as a real table's: path, communities, MED.
void attributes_of(uint32_t n, Attributes& a) {
  a.clear();
  a.origin = Origin::kIgp;
  const uint32_t h = n * 2654435761u;
  a.as_path = {65001, 3356 + n % 40, 10'000 + n, 200'000 + h % 50'000};
  if (n % 3 == 0) a.as_path.prepend(65001, n % 4);
  a.next_hop = wire::IpAddress::v4(0xa9fe1501);
  for (uint32_t i = 0; i < n % 4; ++i) a.communities.push_back(65001u << 16 | (h >> i) % 500);
}

// Distinct prefixes, mostly /24, in no order.
std::vector<wire::Prefix> prefixes(uint32_t count) {
  std::vector<wire::Prefix> out;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t spread = (i * 2654435761u) % (1u << 23);  // odd factor: a permutation
    const uint8_t length = i % 8 ? 24 : 23;
    out.push_back(wire::Prefix::make(wire::IpAddress::v4((spread << 9) + 0x01000000u), length));
  }
  return out;
}

struct Feed {
  explicit Feed(uint32_t routes) : all(prefixes(routes)) {}
  // `turn` changes the sets, so that a second feed replaces every route.
  void send(Rib& rib, SourceId source, AttributeTable& table, uint32_t turn = 0) {
    size_t at = 0;
    for (uint32_t n = 0; n < kUpdates && at < all.size(); ++n) {
      attributes_of(n + turn, scratch);
      const AttributeRef set = table.intern(scratch);
      const size_t end = all.size() * (n + 1) / kUpdates;
      for (; at < end; ++at) rib.announce(source, {all[at], 0}, set, set, n);
    }
  }
  std::vector<wire::Prefix> all;
  Attributes scratch;
};

size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

uint64_t drain(Rib& rib, ConsumerId id) {
  uint64_t found = 0;
  rib.take_changes(id, SIZE_MAX, [&](NodeId node) { found += rib.best(node) != nullptr; });
  return found;
}

// Attributes interned, routes inserted and decided, the changes taken by one consumer.
void BM_FullFeed(benchmark::State& state) {
  const auto routes = static_cast<uint32_t>(state.range(0));
  Feed feed(routes);
  double bytes = 0;
  for (auto _ : state) {
    const size_t before = heap_bytes();
    AttributeTable table;
    Rib rib({}, 1);
    const SourceId peer = rib.add_source({.asn = 65001, .router_id = 1});
    const ConsumerId consumer = rib.add_consumer();
    feed.send(rib, peer, table);
    if (drain(rib, consumer) != routes) state.SkipWithError("routes are missing");
    bytes = static_cast<double>(heap_bytes() - before) / routes;
    state.PauseTiming();
    rib.remove_source(peer);
    drain(rib, consumer);
    if (rib.paths() != 0 || rib.prefixes() != 0) state.SkipWithError("routes are left");
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * routes);
  state.counters["bytes/route"] = bytes;
}
BENCHMARK(BM_FullFeed)
    ->ArgName("routes")
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

// Every further peer with the same prefixes: the cost of a candidate and of deciding.
void BM_NextPeer(benchmark::State& state) {
  const auto peers = static_cast<uint32_t>(state.range(0));
  constexpr uint32_t kRoutes = 200'000;
  Feed feed(kRoutes);
  AttributeTable table;
  Rib rib({}, 1);
  for (uint32_t i = 0; i < peers; ++i) {
    feed.send(rib, rib.add_source({.router_id = 10 + i}), table);
  }
  uint32_t turn = 0;
  const SourceId last = rib.add_source({.router_id = 1});
  for (auto _ : state) feed.send(rib, last, table, ++turn);
  if (rib.paths() != (peers + 1) * kRoutes) state.SkipWithError("routes are missing");
  state.SetItemsProcessed(state.iterations() * kRoutes);
}
BENCHMARK(BM_NextPeer)->ArgName("peers")->Arg(1)->Arg(3)->Arg(15)->Unit(benchmark::kMillisecond);

// A route replaced in a table of a million, and taken by the consumer.
void BM_Churn(benchmark::State& state) {
  Feed feed(1'000'000);
  AttributeTable table;
  Rib rib({}, 1);
  const SourceId peer = rib.add_source({.router_id = 1});
  const ConsumerId consumer = rib.add_consumer();
  feed.send(rib, peer, table);
  drain(rib, consumer);
  std::mt19937_64 rng(1);
  uint64_t taken = 0, n = 0;
  for (auto _ : state) {
    attributes_of(static_cast<uint32_t>(++n) + 1'000'000, feed.scratch);
    const AttributeRef set = table.intern(feed.scratch);
    rib.announce(peer, {feed.all[rng() % feed.all.size()], 0}, set, set, 0);
    taken += drain(rib, consumer);
  }
  if (taken != n) state.SkipWithError("a change was not seen");
  state.SetItemsProcessed(static_cast<int64_t>(n));
}
BENCHMARK(BM_Churn);

}  // namespace
}  // namespace kanmon::bgp
