// Which tunnels are down by their liveness check, whatever their SAs say: one octet each, so that
// one store moves the flows of a tunnel in all groups that have it, on every worker, at once.
//
// Each cell has one writer: the worker that runs the tunnel's checks (vigil/). Control speaks by
// commands (SetTunnel) instead, and reads this as every worker does: one truth of who is alive. A
// tunnel with several checks is down if any says so: each has a bit of the octet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace kanmon {

class Liveness {
 public:
  explicit Liveness(uint32_t tunnels)
      : down_(std::make_unique<std::atomic<uint8_t>[]>(tunnels)), tunnels_(tunnels) {}

  // `bit`: of the check that speaks.
  void mark(uint32_t tunnel, bool down, uint8_t bit = 1) {
    if (tunnel >= tunnels_) return;
    const uint8_t before = down_[tunnel].load(std::memory_order_relaxed);
    const auto after = static_cast<uint8_t>(down ? before | bit : before & ~bit);
    if (after != before) down_[tunnel].store(after, std::memory_order_relaxed);
  }
  bool is_down(uint32_t tunnel) const {
    return tunnel < tunnels_ && down_[tunnel].load(std::memory_order_relaxed) != 0;
  }

 private:
  std::unique_ptr<std::atomic<uint8_t>[]> down_;
  const uint32_t tunnels_;
};

}  // namespace kanmon
