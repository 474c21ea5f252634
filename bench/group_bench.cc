// Next-hop groups: what the choice of a member costs a packet, by time-stamp counter ticks.
//
//   members   of one weight; dead: so many of them have no SA
//   family    4 or 6; every packet is another flow (UDP ports)
//   cyc/pkt   flow hash, bucket and liveness; what a packet that meets no group does not pay
#include <algorithm>
#include <vector>

#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include "dataplane/common/byteorder.h"
#include "dataplane/route/flow_hash.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/wire/headers.h"
#include "dataplane/worker/tables.h"

namespace kanmon {
namespace {

constexpr uint32_t kBurst = 64;
constexpr uint32_t kFlows = 4096;
constexpr uint32_t kPacketBytes = 64;

// UDP packets of `kFlows` flows between two hosts.
std::vector<uint8_t> packets(bool v4) {
  std::vector<uint8_t> all(kFlows * kPacketBytes);
  for (uint32_t i = 0; i < kFlows; ++i) {
    uint8_t* p = &all[i * kPacketBytes];
    p[0] = v4 ? 0x45 : 0x60;
    p[v4 ? wire::ip4::kProtocol : wire::ip6::kNextHeader] = wire::kProtocolUdp;
    p[v4 ? wire::ip4::kSource + 3u : wire::ip6::kSource + 15u] = 9;
    store_be(p + (v4 ? wire::kIp4Header : wire::kIp6Header), static_cast<uint16_t>(1024 + i));
  }
  return all;
}

void BM_Choose(benchmark::State& state) {
  const auto members = static_cast<uint32_t>(state.range(0));
  const auto dead = static_cast<uint32_t>(state.range(1));
  const std::vector<uint8_t> all = packets(state.range(2) == 4);
  Tables tables({.tunnels = 64, .adjacencies = 1, .groups = 1});
  Liveness liveness(64);
  tables.liveness = &liveness;
  sa::OutboundSa sa{};
  std::vector<fib::GroupMember> ways;
  for (uint32_t i = 0; i < members; ++i) {
    ways.push_back({fib::NextHop::make(fib::NextHopKind::kTunnel, i), 100});
    if (i >= dead) tables.tunnels[i].sa = &sa;
  }
  const auto group = fib::Group::make(ways, 1);
  std::vector<uint64_t> ticks;
  uint64_t lost = 0;
  for (auto _ : state) {
    for (uint32_t at = 0; at < kFlows; at += kBurst) {
      const uint64_t start = __rdtsc();
      for (uint32_t i = at; i < at + kBurst; ++i) {
        const wire::Bytes packet(&all[i * kPacketBytes], kPacketBytes);
        const unsigned m = group->choose(route::flow_hash(packet, group->seed()),
                                         [&](fib::NextHop hop) { return tables.is_alive(hop); });
        if (m == fib::Group::kNobody) {
          ++lost;
        } else {
          group->count(0, m, kPacketBytes);
        }
      }
      ticks.push_back(__rdtsc() - start);
    }
  }
  if (lost > 0) return state.SkipWithError("a packet found nobody");
  std::nth_element(ticks.begin(), ticks.begin() + static_cast<long>(ticks.size() / 2), ticks.end());
  state.counters["cyc/pkt"] = static_cast<double>(ticks[ticks.size() / 2]) / kBurst;
}
BENCHMARK(BM_Choose)
    ->ArgNames({"members", "dead", "family"})
    ->ArgsProduct({{2, 8, 64}, {0, 1}, {4, 6}})
    ->Iterations(500);

}  // namespace
}  // namespace kanmon
