#include "bench/harness/limits.h"

#include <cstring>
#include <vector>

#include "bench/harness/meter.h"
#include "bench/harness/raw_crypto.h"
#include "bench/harness/source.h"
#include "dataplane/packet/pool.h"
#include "dataplane/port/queue.h"

namespace kanmon::bench {
namespace {

// The sizes of the packets of a burst, one after the other.
class Sizes {
 public:
  explicit Sizes(Size size) : size_(size) {}
  uint32_t next() { return size_ != kImixSize ? size_ : kImix[at_++ % std::size(kImix)]; }

 private:
  Size size_;
  uint32_t at_ = 0;
};

// Works, with a meter, until the trial is over; zero if `work` says it failed.
template <class Work>
double repeat(const LimitSpec& spec, Work work) {
  Meter meter;
  for (const uint64_t end = tsc_after(spec.seconds); rte_rdtsc() < end;)
    if (!work(meter)) return 0;
  return meter.median() / spec.burst;
}

}  // namespace

double raw_crypto(const Rig& rig, const LimitSpec& spec) {
  RawCrypto raw(esp::info(rig.spec().algorithm), rig.spec().tunnels,
                spec.direction == Direction::kEncrypt);
  if (!raw.ok()) return 0;
  constexpr std::size_t kRoom = 9216;
  std::vector<uint8_t> texts(spec.buffers * kRoom);
  std::vector<RawText> burst(spec.burst);
  Sizes sizes(spec.size);
  uint32_t at = 0, random = 1;
  return repeat(spec, [&](Meter& meter) {
    for (RawText& t : burst) {
      random = random * 1664525 + 1013904223;
      const auto key = static_cast<uint32_t>(uint64_t{random} * rig.spec().tunnels >> 32);
      t = {texts.data() + (at++ % spec.buffers) * kRoom + 64, sizes.next(), key};
    }
    meter.time([&] { raw.run(burst.data(), spec.burst); });
    return true;
  });
}

double null_forwarding(Rig& rig, const LimitSpec& spec) {
  SourceSpec from;
  from.size = spec.size;
  Source source(rig, from);
  std::vector<Packet*> packets(spec.buffers);
  if (!allocate_all(rig.pool(), packets.data(), spec.buffers)) return 0;
  port::RingWire& in = rig.entry(Direction::kForward);
  port::RingWire& out = rig.exit(Direction::kForward);
  const uint16_t from_port = rig.entry_port(Direction::kForward);
  const uint16_t to_port = rig.exit_port(Direction::kForward);
  Packet* burst[kBurst];
  uint32_t at = 0;
  const double cycles = repeat(spec, [&](Meter& meter) {
    for (uint32_t i = 0; i < spec.burst; ++i) burst[i] = packets[at++ % spec.buffers];
    source.fill(burst, spec.burst);
    if (in.send(0, burst, spec.burst) != spec.burst) return false;
    meter.time([&] {
      Packet* held[kBurst];
      const uint32_t n = port::receive(from_port, 0, held, kBurst);
      (void)port::transmit(to_port, 0, held, n);
    });
    return out.receive(0, burst, kBurst) == spec.burst;
  });
  for (Packet* p : packets) rte_pktmbuf_free(p);
  return cycles;
}

double memory_copy(const LimitSpec& spec) {
  constexpr std::size_t kRoom = 9216;
  std::vector<uint8_t> from(spec.buffers * kRoom, 1), to(spec.buffers * kRoom);
  Sizes sizes(spec.size);
  uint32_t at = 0;
  return repeat(spec, [&](Meter& meter) {
    meter.time([&] {
      for (uint32_t i = 0; i < spec.burst; ++i) {
        const std::size_t place = at++ % spec.buffers * kRoom;
        std::memcpy(to.data() + place, from.data() + place, sizes.next());
        asm volatile("" ::: "memory");
      }
    });
    return true;
  });
}

}  // namespace kanmon::bench
