// The outside endpoint a peer was last heard from, written by one worker and read by control.
//
// A sequence lock: the writer never waits, a reader that met a write tries again. Every word is
// atomic, so that no read is a data race.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/common/cacheline.h"
#include "dataplane/wire/address.h"

namespace kanmon::sa {

class alignas(kCacheLine) PeerCell {
 public:
  // Does the cell hold exactly this? `address`: 4 or 16 octets in network order. The owner only.
  bool holds(wire::Family family, const uint8_t* address, uint16_t port) const {
    const Words w = pack(family, address, port);
    return w.low == low_.load(std::memory_order_relaxed) &&
           w.high == high_.load(std::memory_order_relaxed) &&
           w.rest == rest_.load(std::memory_order_relaxed);
  }

  // The owner only.
  void set(wire::Family family, const uint8_t* address, uint16_t port) {
    const Words w = pack(family, address, port);
    const uint32_t turn = turn_.load(std::memory_order_relaxed);
    turn_.store(turn + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    low_.store(w.low, std::memory_order_relaxed);
    high_.store(w.high, std::memory_order_relaxed);
    rest_.store(w.rest, std::memory_order_relaxed);
    turn_.store(turn + 2, std::memory_order_release);
  }

  // Any thread. Nothing while no peer was heard.
  std::optional<wire::Endpoint> get() const {
    for (;;) {
      const uint32_t before = turn_.load(std::memory_order_acquire);
      const Words w{low_.load(std::memory_order_relaxed), high_.load(std::memory_order_relaxed),
                    rest_.load(std::memory_order_relaxed)};
      std::atomic_thread_fence(std::memory_order_acquire);
      if (before % 2 != 0 || turn_.load(std::memory_order_relaxed) != before) continue;
      if (before == 0) return std::nullopt;
      return unpack(w);
    }
  }

 private:
  struct Words {
    uint64_t low;   // octets 0 … 7
    uint64_t high;  // octets 8 … 15
    uint64_t rest;  // family << 16 | port
  };

  static Words pack(wire::Family family, const uint8_t* address, uint16_t port) {
    Words w{0, 0, static_cast<uint64_t>(family) << 16 | port};
    std::memcpy(&w.low, address, family == wire::Family::kV4 ? 4 : 8);
    if (family == wire::Family::kV6) std::memcpy(&w.high, address + 8, 8);
    return w;
  }
  static wire::Endpoint unpack(const Words& w) {
    wire::Endpoint e;
    e.address.family = static_cast<wire::Family>(w.rest >> 16);
    std::memcpy(e.address.octets.data(), &w.low, 8);
    std::memcpy(e.address.octets.data() + 8, &w.high, 8);
    e.port = static_cast<uint16_t>(w.rest);
    return e;
  }

  std::atomic<uint32_t> turn_{0};  // odd while being written
  std::atomic<uint64_t> low_{0};
  std::atomic<uint64_t> high_{0};
  std::atomic<uint64_t> rest_{0};
};

}  // namespace kanmon::sa
