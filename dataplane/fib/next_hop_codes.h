// The next hops of one table, numbered, so that a leaf of the lookup structure takes two octets and
// not four: half the memory is what keeps a million routes inside the processor's caches.
//
// A number is never given to a second next hop while readers may know the first: numbers are only
// ever added, and a table that has used them all is built anew with fresh ones. Number 0 alone is
// no fixed next hop: it stands for "no route but the default one", so that a new default route over
// a million routes is one store.
//
// Threads: control alone uses the object; readers only load the published array.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/common/result.h"
#include "dataplane/fib/next_hop.h"
#include "dataplane/rings/qsbr.h"

namespace kanmon::fib {

class NextHopCodes {
 public:
  static constexpr uint32_t kDefault = 0;         // the code of what the default route says
  static constexpr uint32_t kMaxCodes = 1 << 15;  // leaves keep the top bit for themselves
  // Readers may load any element below this before they know whether the code they hold is one.
  static constexpr uint32_t kMinCapacity = 64;
  static constexpr uint32_t kUnknown = ~0u;
  // Next hops by code. Control writes the array's first element and adds at its end, readers load.
  using Values = const std::atomic<uint32_t>*;
  using Published = std::atomic<Values>;

  NextHopCodes() = default;
  // REQUIRES: no reader uses the array any more.
  ~NextHopCodes();
  NextHopCodes(NextHopCodes&& other) noexcept { swap(other); }
  NextHopCodes& operator=(NextHopCodes&& other) noexcept {
    swap(other);
    return *this;
  }
  void swap(NextHopCodes& other) noexcept;

  // The code of `hop`, kUnknown if it was not added.
  uint32_t find(NextHop hop) const;
  // Gives `hop` a code if it has none. A larger array is stored to `published` (release) and the
  // old one retired; the codes already given stay. Errors: kNoSpace, when all codes are used or no
  // memory is left.
  Status add(NextHop hop, rings::Qsbr& qsbr, Published& published);
  // What kDefault stands for from now on; none at first. Readers see it at once. Errors: kNoSpace,
  // never when there are codes already or `hop` is none.
  Status set_default(NextHop hop, Published& published);

  // A word of control's own beside every code, 0 at first. REQUIRES: code < count().
  uint32_t& note(uint32_t code) const;
  // For readers. Never null.
  Values values() const;
  uint32_t count() const { return count_; }
  size_t memory_bytes() const;
  // Gives the array up after a grace period and forgets all codes.
  void retire(rings::Qsbr& qsbr);

 private:
  struct Block;  // values[capacity], notes[capacity], then a hash table of codes

  static Block* make_block(uint32_t capacity);
  bool grow(rings::Qsbr* qsbr);
  void put(NextHop hop);

  Block* block_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace kanmon::fib
