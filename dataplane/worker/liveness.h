// Which tunnels are down by their liveness check, whatever their SAs say: one octet each, so that
// one store moves the flows of a tunnel in all groups that have it, on every worker, at once.
//
// Each cell has one writer: the worker that runs the tunnel's check (none does yet: a tunnel is
// down here only when something marks it). Control speaks by commands (SetTunnel) instead. Every
// worker reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace kanmon {

class Liveness {
 public:
  explicit Liveness(uint32_t tunnels)
      : down_(std::make_unique<std::atomic<uint8_t>[]>(tunnels)), tunnels_(tunnels) {}

  void mark(uint32_t tunnel, bool down) {
    if (tunnel < tunnels_) down_[tunnel].store(down, std::memory_order_relaxed);
  }
  bool is_down(uint32_t tunnel) const {
    return tunnel < tunnels_ && down_[tunnel].load(std::memory_order_relaxed) != 0;
  }

 private:
  std::unique_ptr<std::atomic<uint8_t>[]> down_;
  const uint32_t tunnels_;
};

}  // namespace kanmon
