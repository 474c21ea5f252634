// Longest-prefix match: cycles per lookup by table size and locality, single and in bulk, beside
// DPDK's rte_lpm, rte_fib, rte_lpm6 and rte_fib6 with the same routes and addresses; and updates.
//
//   routes    in the table (route_sets.h: Internet-like lengths, no locality, 256 next hops)
//   hot       0: addresses drawn evenly from the routes; 1: the same 1,024 of them again and again
//   cyc/look  time-stamp counter ticks per lookup; bytes/route: all the table holds, by its own
//   account
//
// Every table is first asked about all the addresses and compared with ours; a wrong answer is not
// timed.
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_lpm6.h>
#include <x86intrin.h>

#include "tests/unit/fib/slow_truth.h"

namespace kanmon::fib {
namespace {

using testing::address_in;
using testing::internet4;
using testing::internet6;
using testing::Route4;
using testing::Route6;

constexpr size_t kHot = 1024;
constexpr size_t kChunk = 1024;
constexpr size_t kRandom = size_t{1} << 18;
constexpr unsigned kBurst = 64;

bool start_eal() {
  static const bool ok = [] {
    const char* args[] = {"bench", "--no-shconf", "--no-huge",      "-m",
                          "1536",  "--no-pci",    "--no-telemetry", "-l",
                          "0",     "--log-level", "*:error"};
    return rte_eal_init(static_cast<int>(std::size(args)), const_cast<char**>(args)) >= 0;
  }();
  return ok;
}

// ---- the tables, one shape: insert(route), ok(), lookup(address), bulk(addresses, out, n). `Out`
// is what the library writes; it is made comparable by answer() when the clock has stopped.

template <class Lpm, class RouteT, class AddressT>
struct Ours {
  using Route = RouteT;
  using Address = AddressT;
  rings::Qsbr qsbr;
  NodePool pool{qsbr};
  Lpm lpm{pool};
  using Out = NextHop;
  explicit Ours(size_t) {}
  bool ok() const { return pool.ok(); }
  bool insert(const Route& r) { return lpm.insert(r.prefix, r.length, r.hop).ok(); }
  NextHop lookup(const Address& a) const { return lpm.lookup(a); }
  void bulk(const Address* a, NextHop* out, unsigned n) const { lpm.lookup_bulk(a, out, n); }
  static uint32_t answer(NextHop out) { return out.raw; }
  size_t bytes() const { return lpm.memory_bytes(); }
};
using Ours4 = Ours<Lpm4, Route4, uint32_t>;
using Ours6 = Ours<Lpm6, Route6, Address6>;

// DPDK's next hops are small: ours travel as index + 1, kNone as 0.
uint32_t small(NextHop hop) {
  return hop ? hop.index() + 1 : 0;
}
uint32_t large(uint64_t hop) {
  return hop ? NextHop::make(NextHopKind::kNeighbour, static_cast<uint32_t>(hop) - 1).raw : 0;
}

struct RteLpm4 {
  using Route = Route4;
  using Address = uint32_t;
  rte_lpm* lpm = nullptr;
  explicit RteLpm4(size_t routes) {
    rte_lpm_config c{static_cast<uint32_t>(routes) + 1, 1u << 15, 0};
    if (start_eal()) lpm = rte_lpm_create("bench", SOCKET_ID_ANY, &c);
  }
  ~RteLpm4() { rte_lpm_free(lpm); }
  bool ok() const { return lpm != nullptr; }
  bool insert(const Route& r) { return rte_lpm_add(lpm, r.prefix, r.length, small(r.hop)) == 0; }
  using Out = uint32_t;
  void bulk(const uint32_t* a, uint32_t* out, unsigned n) const {
    rte_lpm_lookup_bulk(lpm, a, out, n);
  }
  static uint32_t answer(uint32_t out) {
    return out & RTE_LPM_LOOKUP_SUCCESS ? large(out & 0xffffff) : 0;
  }
  size_t bytes() const { return sizeof(rte_lpm_tbl_entry) * ((1u << 24) + (256u << 15)); }
};

struct RteFib4 {
  using Route = Route4;
  using Address = uint32_t;
  rte_fib* fib = nullptr;
  explicit RteFib4(size_t routes) {
    rte_fib_conf c{};
    c.type = RTE_FIB_DIR24_8;
    c.max_routes = static_cast<int>(routes) + 1;
    c.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
    c.dir24_8.num_tbl8 = (1u << 15) - 1;
    if (start_eal()) fib = rte_fib_create("bench", SOCKET_ID_ANY, &c);
  }
  ~RteFib4() { rte_fib_free(fib); }
  bool ok() const { return fib != nullptr; }
  bool insert(const Route& r) { return rte_fib_add(fib, r.prefix, r.length, small(r.hop)) == 0; }
  using Out = uint64_t;
  void bulk(const uint32_t* a, uint64_t* out, unsigned n) const {
    rte_fib_lookup_bulk(fib, const_cast<uint32_t*>(a), out, static_cast<int>(n));
  }
  static uint32_t answer(uint64_t out) { return large(out); }
  size_t bytes() const { return 2 * ((1u << 24) + (256u << 15)); }  // without its routes
};

struct RteLpm6 {
  using Route = Route6;
  using Address = Address6;
  rte_lpm6* lpm = nullptr;
  explicit RteLpm6(size_t routes) {
    rte_lpm6_config c{static_cast<uint32_t>(routes) + 1, 1u << 18, 0};
    if (start_eal()) lpm = rte_lpm6_create("bench", SOCKET_ID_ANY, &c);
  }
  ~RteLpm6() { rte_lpm6_free(lpm); }
  bool ok() const { return lpm != nullptr; }
  bool insert(const Route& r) {
    return rte_lpm6_add(lpm, r.prefix.data(), r.length, small(r.hop)) == 0;
  }
  using Out = int32_t;
  void bulk(const Address6* a, int32_t* out, unsigned n) const {
    auto* octets = reinterpret_cast<uint8_t(*)[16]>(const_cast<Address6*>(a));
    rte_lpm6_lookup_bulk_func(lpm, octets, out, n);
  }
  static uint32_t answer(int32_t out) { return out < 0 ? 0 : large(static_cast<uint32_t>(out)); }
  size_t bytes() const { return size_t{4} * ((1u << 24) + (256u << 18)); }
};

struct RteFib6 {
  using Route = Route6;
  using Address = Address6;
  rte_fib6* fib = nullptr;
  explicit RteFib6(size_t routes) {
    rte_fib6_conf c{};
    c.type = RTE_FIB6_TRIE;
    c.max_routes = static_cast<int>(routes) + 1;
    c.trie.nh_sz = RTE_FIB6_TRIE_4B;
    c.trie.num_tbl8 = 1u << 18;
    if (start_eal()) fib = rte_fib6_create("bench", SOCKET_ID_ANY, &c);
  }
  ~RteFib6() { rte_fib6_free(fib); }
  bool ok() const { return fib != nullptr; }
  bool insert(const Route& r) {
    return rte_fib6_add(fib, r.prefix.data(), r.length, small(r.hop)) == 0;
  }
  using Out = uint64_t;
  void bulk(const Address6* a, uint64_t* out, unsigned n) const {
    auto* octets = reinterpret_cast<uint8_t(*)[16]>(const_cast<Address6*>(a));
    rte_fib6_lookup_bulk(fib, octets, out, static_cast<int>(n));
  }
  static uint32_t answer(uint64_t out) { return large(out); }
  size_t bytes() const { return size_t{4} * ((1u << 24) + (256u << 18)); }
};

// ---- routes, addresses and right answers, made once per size

template <class Address>
struct Workload {
  std::vector<Address> addresses[2];  // [hot]
  std::vector<uint32_t> answers[2];
};

Key key_of(uint32_t a) {
  return Key::v4(a);
}
Key key_of(const Address6& a) {
  return Key::v6(a.data());
}

std::vector<Route4> routes_of(size_t n, uint32_t) {
  return internet4(n);
}
std::vector<Route6> routes_of(size_t n, const Address6&) {
  return internet6(n);
}

template <class T>
const std::vector<typename T::Route>& routes(size_t n) {
  static std::map<size_t, std::vector<typename T::Route>> made;
  auto& r = made[n];
  if (r.empty()) r = routes_of(n, typename T::Address{});
  return r;
}

template <class Route>
testing::SlowTruth truth_of(const std::vector<Route>& routes) {
  testing::SlowTruth truth;
  for (const Route& r : routes) truth.insert(key_of(r.prefix), r.length, r.hop);
  return truth;
}

template <class T>
const Workload<typename T::Address>& workload(size_t n) {
  static std::map<size_t, Workload<typename T::Address>> made;
  auto& w = made[n];
  if (!w.answers[0].empty()) return w;
  const auto& set = routes<T>(n);
  const testing::SlowTruth truth = truth_of(set);
  std::mt19937_64 rng(99);
  for (int hot = 0; hot < 2; ++hot) {
    const size_t count = hot ? kHot : kRandom;
    for (size_t i = 0; i < count; ++i) {
      w.addresses[hot].push_back(address_in(set, rng));
      w.answers[hot].push_back(truth.lookup(key_of(w.addresses[hot].back())).raw);
    }
  }
  return w;
}

template <class T>
std::unique_ptr<T> filled(benchmark::State& state, size_t n) {
  auto table = std::make_unique<T>(n);
  if (!table->ok()) {
    state.SkipWithError("the table could not be made");
    return nullptr;
  }
  size_t refused = 0;
  for (const auto& r : routes<T>(n)) refused += !table->insert(r);
  if (refused > 0) {
    state.SkipWithError(("refused routes: " + std::to_string(refused)).c_str());
    return nullptr;
  }
  return table;
}

template <class T, bool kBulk>
void BM_Lookup(benchmark::State& state) {
  const auto n = static_cast<size_t>(state.range(0));
  const auto& work = workload<T>(n);
  const auto& addresses = work.addresses[state.range(1)];
  const auto& answers = work.answers[state.range(1)];
  const auto table = filled<T>(state, n);
  if (!table) return;
  std::vector<typename T::Out> out(addresses.size());
  std::vector<uint32_t> ticks;
  ticks.reserve(1u << 20);
  for (auto _ : state) {
    for (size_t at = 0; at < addresses.size(); at += kChunk) {
      const uint64_t start = __rdtsc();
      for (size_t i = at; i < at + kChunk; i += kBurst) {
        if constexpr (kBulk) {
          table->bulk(&addresses[i], &out[i], kBurst);
        } else {
          for (size_t j = i; j < i + kBurst; ++j) out[j] = table->lookup(addresses[j]);
        }
      }
      if (ticks.size() < ticks.capacity())
        ticks.push_back(static_cast<uint32_t>(__rdtsc() - start));
    }
    benchmark::ClobberMemory();
  }
  for (size_t i = 0; i < out.size(); ++i)
    if (T::answer(out[i]) != answers[i])
      return state.SkipWithError("a wrong answer; the time means nothing");
  const auto lookups = static_cast<double>(state.iterations()) * static_cast<double>(out.size());
  state.SetItemsProcessed(static_cast<int64_t>(lookups));
  std::nth_element(ticks.begin(), ticks.begin() + ticks.size() / 2, ticks.end());
  state.counters["cyc/look"] = static_cast<double>(ticks[ticks.size() / 2]) / kChunk;
  state.counters["bytes/route"] = static_cast<double>(table->bytes()) / static_cast<double>(n);
  state.counters["MB"] = static_cast<double>(table->bytes()) / 1e6;
}

// Fills an empty table, then takes every route out again in another order.
template <class T>
void BM_Update(benchmark::State& state) {
  const auto n = static_cast<size_t>(state.range(0));
  const auto& set = routes<T>(n);
  auto order = set;
  std::mt19937_64 rng(7);
  std::shuffle(order.begin(), order.end(), rng);
  double insert_ticks = 0, erase_ticks = 0, late_ticks = 0;
  const size_t late = n - n / 10;
  const double hz = [] {
    const auto from = std::chrono::steady_clock::now();
    const uint64_t start = __rdtsc();
    while (std::chrono::steady_clock::now() - from < std::chrono::milliseconds(20)) continue;
    return static_cast<double>(__rdtsc() - start) / 0.02;
  }();
  for (auto _ : state) {
    T table(n);
    uint64_t start = __rdtsc(), tenth = 0;
    for (size_t i = 0; i < n; ++i) {
      if (i == late) tenth = __rdtsc();
      if (!table.insert(set[i])) return state.SkipWithError("a route was refused");
    }
    insert_ticks += static_cast<double>(__rdtsc() - start);
    late_ticks += static_cast<double>(__rdtsc() - tenth);
    start = __rdtsc();
    for (const auto& r : order)
      if (!table.lpm.erase(r.prefix, r.length).ok()) return state.SkipWithError("erase failed");
    erase_ticks += static_cast<double>(__rdtsc() - start);
    if (table.lpm.size() != 0) return state.SkipWithError("routes are left");
  }
  const auto all = static_cast<double>(state.iterations()) * static_cast<double>(n);
  state.counters["inserts/s"] = all / (insert_ticks / hz);
  state.counters["last_tenth/s"] =
      static_cast<double>(state.iterations()) * static_cast<double>(n - late) / (late_ticks / hz);
  state.counters["erases/s"] = all / (erase_ticks / hz);
}

// A full table under a reader that never pauses: a route in a million changes its next hop, goes
// and comes back, at random; and the default route changes.
template <class T>
void BM_UpdateUnderReader(benchmark::State& state) {
  const auto n = static_cast<size_t>(state.range(0));
  const auto& set = routes<T>(n);
  const auto& addresses = workload<T>(n).addresses[0];
  const auto table = filled<T>(state, n);
  if (!table) return;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> lookups{0};
  std::thread reader([&] {
    NextHop out[kBurst];
    table->qsbr.online(0);
    for (size_t at = 0; !stop.load(std::memory_order_relaxed); at = (at + kBurst) % kRandom) {
      table->bulk(&addresses[at], out, kBurst);
      lookups.store(lookups.load(std::memory_order_relaxed) + kBurst, std::memory_order_relaxed);
      table->qsbr.quiescent(0);
    }
    table->qsbr.offline(0);
  });
  std::mt19937_64 rng(5);
  uint64_t updates = 0, wrong = 0;
  const uint64_t read_before = lookups.load();
  for (auto _ : state) {
    const auto& r = set[rng() % n];
    const auto other = NextHop::make(NextHopKind::kNeighbour, static_cast<uint32_t>(rng() % 256));
    wrong += !table->lpm.insert(r.prefix, r.length, other).ok();
    wrong += !table->lpm.erase(r.prefix, r.length).ok();
    wrong += !table->lpm.insert(r.prefix, r.length, r.hop).ok();
    updates += 3;
  }
  const uint64_t read = lookups.load() - read_before;
  stop = true;
  reader.join();
  if (wrong > 0) return state.SkipWithError("an update failed");
  using Counter = benchmark::Counter;
  state.counters["updates/s"] = Counter(static_cast<double>(updates), Counter::kIsRate);
  state.counters["lookups/s"] = Counter(static_cast<double>(read), Counter::kIsRate);
}

// The change of a default route over a full table: how long control is away.
template <class T>
void BM_DefaultRoute(benchmark::State& state) {
  const auto table = filled<T>(state, static_cast<size_t>(state.range(0)));
  if (!table) return;
  uint32_t tunnel = 0;
  for (auto _ : state)
    if (!table->lpm.insert({}, 0, NextHop::make(NextHopKind::kTunnel, tunnel++ % 2)).ok())
      return state.SkipWithError("refused");
}

#define SIZES4 ArgNames({"routes", "hot"})->ArgsProduct({{100, 10000, 1000000}, {0, 1}})
#define SIZES6 ArgNames({"routes", "hot"})->ArgsProduct({{100, 10000, 200000}, {0, 1}})
BENCHMARK_TEMPLATE(BM_Lookup, Ours4, true)->SIZES4;
BENCHMARK_TEMPLATE(BM_Lookup, Ours4, false)->SIZES4;
// rte_lpm searches its rules in a row on every insert: a million would take hours.
BENCHMARK_TEMPLATE(BM_Lookup, RteLpm4, true)
    ->ArgNames({"routes", "hot"})
    ->ArgsProduct({{100, 10000}, {0, 1}});
BENCHMARK_TEMPLATE(BM_Lookup, RteFib4, true)->SIZES4;
BENCHMARK_TEMPLATE(BM_Lookup, Ours6, true)->SIZES6;
BENCHMARK_TEMPLATE(BM_Lookup, Ours6, false)->SIZES6;
BENCHMARK_TEMPLATE(BM_Lookup, RteLpm6, true)->SIZES6;
BENCHMARK_TEMPLATE(BM_Lookup, RteFib6, true)->SIZES6;
BENCHMARK_TEMPLATE(BM_Update, Ours4)->ArgName("routes")->Arg(100)->Arg(10000)->Arg(1000000);
BENCHMARK_TEMPLATE(BM_Update, Ours6)->ArgName("routes")->Arg(100)->Arg(10000)->Arg(200000);
BENCHMARK_TEMPLATE(BM_UpdateUnderReader, Ours4)->ArgName("routes")->Arg(1000000)->UseRealTime();
BENCHMARK_TEMPLATE(BM_UpdateUnderReader, Ours6)->ArgName("routes")->Arg(200000)->UseRealTime();
BENCHMARK_TEMPLATE(BM_DefaultRoute, Ours4)->ArgName("routes")->Arg(1000000);
BENCHMARK_TEMPLATE(BM_DefaultRoute, Ours6)->ArgName("routes")->Arg(200000);

}  // namespace
}  // namespace kanmon::fib
