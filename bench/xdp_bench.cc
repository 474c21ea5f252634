// What a frame costs in the XDP program, by what becomes of it: the kernel runs the program a
// million times on one frame and says how long a run took (BPF_PROG_TEST_RUN). Not counted: what
// the driver does before and after. To be read beside BM_DecryptForward of pipeline_bench, which is
// what a bad packet may cost a quarter of. Needs root.
//
//   cyc_run   time-stamp counter cycles of one run, the least of several times a million
//   cyc_pkt   the same without what the kernel's loop around the program takes: less a program that
//             does nothing but drop, measured just before
#include <algorithm>
#include <string>

#include <benchmark/benchmark.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <rte_cycles.h>
#include <unistd.h>

#include "dataplane/wire/headers.h"
#include "tests/support/eal.h"
#include "tests/support/xdp_bed.h"

namespace kanmon {
namespace {

using test::Octets;

constexpr uint32_t kKnown = 0xc0a80017;
constexpr int kRuns = 1'000'000, kTimes = 7;

Octets esp(uint32_t spi) {
  Octets o(100, 0xa5);
  store_be(o.data(), spi);
  return o;
}

Octets native(const char* from, const char* to, uint32_t spi) {
  return test::frame(test::ip({from, to, wire::kProtocolEsp}, esp(spi)));
}
Octets in_udp(uint32_t spi) {
  return test::frame(test::ip({"192.0.2.2", "192.0.2.1"}, test::udp(4500, 4500, esp(spi))));
}

double cycles(uint32_t nanoseconds) {
  return nanoseconds * static_cast<double>(rte_get_tsc_hz()) / 1e9;
}

// Nanoseconds of a run of a program that is nothing but `return XDP_DROP`.
uint32_t loop_around(const Octets& frame) {
  const bpf_insn drop[] = {{0xb7, 0, 0, 0, XDP_DROP}, {0x95, 0, 0, 0, 0}};
  const int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "nothing", "GPL", drop, 2, nullptr);
  uint32_t least = UINT32_MAX;
  for (int i = 0; i < kTimes; ++i) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<uint32_t>(frame.size()), .repeat = kRuns);
    if (bpf_prog_test_run_opts(program, &options) == 0) least = std::min(least, options.duration);
  }
  ::close(program);
  return least;
}

void measure(benchmark::State& state, const Octets& frame, xdp::Verdict expected, bool shared) {
  test::start_eal();
  test::XdpBed bed;
  if (!bed.problem().empty()) return state.SkipWithError(bed.problem().c_str());
  xdp::Rules rules{xdp::kRoleUnderlay, test::kOurMac, {}};
  if (shared) rules.kernel_addresses = {wire::IpAddress::parse("192.0.2.7").value()};
  bed.steering().set(rules);
  bed.filter().add(kKnown);
  const uint32_t around = loop_around(frame);
  uint32_t least = UINT32_MAX;
  for (auto _ : state) {
    const test::XdpBed::Run run = bed.run(frame, kRuns);
    if (run.verdict != expected) return state.SkipWithError("another verdict than expected");
    state.SetIterationTime(run.nanoseconds / 1e9);
    least = std::min(least, run.nanoseconds);
  }
  state.counters["cyc_run"] = cycles(least);
  state.counters["cyc_pkt"] = cycles(least - std::min(least, around));
}

void BM_XdpUnknownSpi(benchmark::State& state) {
  measure(state, native("192.0.2.2", "192.0.2.1", 0xdead0017), xdp::kVerdictUnknownSpi, false);
}
void BM_XdpUnknownSpi6(benchmark::State& state) {
  measure(state, native("2001:db8::2", "2001:db8::1", 0xdead0017), xdp::kVerdictUnknownSpi, false);
}
void BM_XdpUnknownSpiInUdp(benchmark::State& state) {
  measure(state, in_udp(0xdead0017), xdp::kVerdictUnknownSpi, false);
}
void BM_XdpUnknownSpiSharedInterface(benchmark::State& state) {
  measure(state, native("192.0.2.2", "192.0.2.1", 0xdead0017), xdp::kVerdictUnknownSpi, true);
}
void BM_XdpReservedSpi(benchmark::State& state) {
  measure(state, native("192.0.2.2", "192.0.2.1", 7), xdp::kVerdictReservedSpi, false);
}
void BM_XdpKnownSpi(benchmark::State& state) {
  measure(state, native("192.0.2.2", "192.0.2.1", kKnown), xdp::kVerdictEsp, false);
}
void BM_XdpOther(benchmark::State& state) {
  measure(state, test::frame(test::ip({"192.0.2.2", "192.0.2.1", 6}, Octets(40))),
          xdp::kVerdictOther, false);
}

BENCHMARK(BM_XdpUnknownSpi)->UseManualTime()->Iterations(kTimes);
BENCHMARK(BM_XdpUnknownSpi6)->UseManualTime()->Iterations(kTimes);
BENCHMARK(BM_XdpUnknownSpiInUdp)->UseManualTime()->Iterations(kTimes);
BENCHMARK(BM_XdpUnknownSpiSharedInterface)->UseManualTime()->Iterations(kTimes);
BENCHMARK(BM_XdpReservedSpi)->UseManualTime()->Iterations(kTimes);
BENCHMARK(BM_XdpKnownSpi)->UseManualTime()->Iterations(kTimes);
BENCHMARK(BM_XdpOther)->UseManualTime()->Iterations(kTimes);

}  // namespace
}  // namespace kanmon
