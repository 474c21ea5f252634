// The route compiler with a full table from one peer: time and memory of the compiler alone (its
// changes are counted and forgotten) and with the forwarding table it fills; churn; a tunnel dying.
//
//   routes/s       routes taken per second of the whole loop; bytes/route: by own account
//   Learn          1 M routes of one peer with `offers` different next hops, into an empty table
//   LearnInstall   the same into the longest-prefix-match table
//   Churn          withdraw and add again, one route at a time, in a full table
//   TunnelDies     an offer of a tenth of the routes is withdrawn and comes back
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "control/routing/compiler.h"
#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/rings/qsbr.h"
#include "tests/unit/fib/route_sets.h"

namespace kanmon::routing {
namespace {

constexpr size_t kRoutes = 1'000'000;
constexpr TableId kTable = 1;

struct Forget final : Forwarding {
  Status set(TableId, const wire::Prefix&, fib::NextHop) override { return ++changes, success(); }
  void unset(TableId, const wire::Prefix&) override { ++changes; }
  void set_group(uint32_t, std::span<const Member>) override {}
  size_t bytes() const { return 0; }
  uint64_t changes = 0;
};

struct Install final : Forwarding {
  Status set(TableId, const wire::Prefix& p, fib::NextHop hop) override {
    return lpm.insert(p.address.v4_host(), p.length, hop);
  }
  void unset(TableId, const wire::Prefix& p) override {
    (void)lpm.erase(p.address.v4_host(), p.length);
  }
  void set_group(uint32_t, std::span<const Member>) override {}
  size_t bytes() const { return lpm.memory_bytes(); }
  rings::Qsbr qsbr;
  fib::NodePool pool{qsbr};
  fib::Lpm4 lpm{pool};
};

const std::vector<wire::Prefix>& prefixes() {
  static const auto made = [] {
    std::vector<wire::Prefix> out;
    for (const auto& r : fib::testing::internet4(kRoutes, 1))
      out.push_back({wire::IpAddress::v4(r.prefix), r.length});
    return out;
  }();
  return made;
}

template <class F>
struct Bed {
  explicit Bed(uint32_t offers) {
    compiler.add_table(kTable, false);
    const SourceId peer = compiler.source({Origin::kBgpVpn, "peer"});
    for (uint32_t i = 0; i < offers; ++i)
      ids.push_back(compiler.offer(
          kTable, {peer, OnDown::kWithdraw, {{fib::NextHop::make(fib::NextHopKind::kTunnel, i)}}}));
  }
  void learn() {
    size_t i = 0;
    for (const auto& p : prefixes()) compiler.add(ids[i++ % ids.size()], p, 0);
  }
  size_t bytes() const { return compiler.memory_bytes() + forwarding.bytes(); }
  F forwarding;
  Compiler compiler{forwarding, 64};
  std::vector<OfferId> ids;
};

void report(benchmark::State& state, size_t routes, size_t bytes) {
  state.counters["routes/s"] = benchmark::Counter(static_cast<double>(routes),
                                                  benchmark::Counter::kIsIterationInvariantRate);
  if (bytes != 0)
    state.counters["bytes/route"] = static_cast<double>(bytes) / static_cast<double>(routes);
}

template <class F>
void learn(benchmark::State& state) {
  (void)prefixes();
  size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto bed = std::make_unique<Bed<F>>(static_cast<uint32_t>(state.range(0)));
    state.ResumeTiming();
    bed->learn();
    state.PauseTiming();
    bytes = bed->bytes();
    if (bed->compiler.size(kTable) != prefixes().size()) state.SkipWithError("routes are missing");
    bed.reset();
    state.ResumeTiming();
  }
  report(state, prefixes().size(), bytes);
}
void Learn(benchmark::State& state) {
  learn<Forget>(state);
}
void LearnInstall(benchmark::State& state) {
  learn<Install>(state);
}
BENCHMARK(Learn)->ArgName("offers")->Arg(1)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(LearnInstall)->ArgName("offers")->Arg(1)->Arg(1000)->Unit(benchmark::kMillisecond);

void Churn(benchmark::State& state) {
  Bed<Forget> bed(10);
  bed.learn();
  const SourceId peer = bed.compiler.source({Origin::kBgpVpn, "peer"});
  size_t i = 0;
  for (auto _ : state) {
    const auto& p = prefixes()[i % prefixes().size()];
    if (!bed.compiler.withdraw(kTable, peer, p)) state.SkipWithError("a route is missing");
    bed.compiler.add(bed.ids[i % bed.ids.size()], p, 0);
    i += 7919;
  }
}
BENCHMARK(Churn);

void TunnelDies(benchmark::State& state) {
  Bed<Forget> bed(10);
  bed.learn();
  const auto hop = fib::NextHop::make(fib::NextHopKind::kTunnel, 3);
  for (auto _ : state) {
    bed.compiler.set_live(hop, false);
    bed.compiler.set_live(hop, true);
  }
  report(state, prefixes().size() / 5, 0);
}
BENCHMARK(TunnelDies)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kanmon::routing
