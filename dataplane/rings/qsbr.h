// Quiescent-state based reclamation: memory that workers may still read is freed only after every
// worker has said that it holds nothing (a "quiescent state"). Readers pay one load and at most one
// store per loop; nobody waits for anybody on the packet path.
//
// Threads: one control thread calls retire(), reclaim(), drain(); each worker calls online(),
// quiescent() and offline() for its own reader number only.
//
// The rule for control: first make the object unreachable (a release store of the pointer that led
// to it), then retire() it. The rule for a worker: a pointer read from a shared structure is dead
// after quiescent() or offline().
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/common/cacheline.h"

namespace kanmon::rings {

// What a retired object carries so that retiring it cannot fail. Control writes and reads it.
struct Deferred {
  void (*release)(Deferred* self) = nullptr;  // frees the object; runs on the control thread
  Deferred* next = nullptr;
  uint64_t epoch = 0;
};

class Qsbr {
 public:
  static constexpr unsigned kMaxReaders = 64;

  Qsbr() = default;
  // REQUIRES: no reader online. Frees everything that is still deferred.
  ~Qsbr();
  Qsbr(const Qsbr&) = delete;
  Qsbr& operator=(const Qsbr&) = delete;

  // ---- worker. REQUIRES: reader < kMaxReaders, one thread per reader number.

  // From now on this reader is waited for. To be called before its first read of shared memory.
  void online(unsigned reader);
  // This reader holds no pointer into shared memory now, and stays online. Once per loop.
  void quiescent(unsigned reader) {
    const uint64_t now = epoch_.load(std::memory_order_acquire);
    std::atomic<uint64_t>& seen = slots_[reader].seen;
    if (seen.load(std::memory_order_relaxed) != now) seen.store(now, std::memory_order_release);
  }
  // This reader holds no pointer and will read nothing until online(): before a sleep or at exit.
  void offline(unsigned reader);

  // ---- control.

  // Frees `object` after a grace period by object.release(&object). Returns the epoch to give to
  // passed(). The object must be unreachable for readers that arrive from now on.
  uint64_t retire(Deferred& object);
  // The same for memory without a Deferred inside: deleter(p, ctx). When no memory is left for the
  // note, waits for the grace period here (microseconds while workers poll) and deletes at once.
  uint64_t retire(void* p, void (*deleter)(void* p, void* ctx), void* ctx);

  // Starts a new epoch if something was retired, and frees what all online readers have passed.
  // Never waits. Returns how many objects were freed. A release() may retire more.
  size_t reclaim();
  // Waits until everything retired is freed: for shutdown, and for tests. Yields while it waits;
  // never returns while a reader stays online without passing quiescent().
  void drain();

  // Whether every reader has passed `epoch` (as of the last reclaim()).
  bool passed(uint64_t epoch) const { return epoch <= passed_; }
  // Retired and not yet freed.
  size_t pending() const { return pending_; }

 private:
  struct alignas(kCacheLine) Slot {
    // The last epoch the reader saw, or kOffline. Written by the reader; control only confirms an
    // offline slot with a compare-and-swap that leaves it as it is.
    std::atomic<uint64_t> seen{kOffline};
  };
  static constexpr uint64_t kOffline = ~uint64_t{0};

  void begin_epoch();
  uint64_t oldest_seen();

  alignas(kCacheLine) std::atomic<uint64_t> epoch_{1};  // control writes, readers load
  std::array<Slot, kMaxReaders> slots_;
  // From here on control only: a queue in order of epoch.
  alignas(kCacheLine) Deferred* first_ = nullptr;
  Deferred* last_ = nullptr;
  size_t pending_ = 0;
  uint64_t passed_ = 0;
};

}  // namespace kanmon::rings
