// Memory for objects that hold keys: locked, kept out of core dumps and of child processes, wiped
// when given back (INV-9). Each of these is asked of the kernel; locked() says whether locking was
// granted everywhere, so that control can warn.
//
// For control, which makes and destroys SAs; never called by a worker.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "dataplane/common/huge_array.h"

namespace kanmon::crypto {

// Objects of one size. Chunks are large and aligned to a huge page, so that thousands of SAs cost
// few TLB entries; they are kept for reuse until the slab goes.
class SecureSlab {
 public:
  static constexpr std::size_t kChunkBytes = kHugePage;

  // REQUIRES: object_bytes is a multiple of 64 and at most kChunkBytes.
  explicit SecureSlab(std::size_t object_bytes) : object_bytes_(object_bytes) {}
  ~SecureSlab();
  SecureSlab(const SecureSlab&) = delete;
  SecureSlab& operator=(const SecureSlab&) = delete;

  // Zeroed memory for one object, aligned to a cache line; null if the system has none.
  void* take();
  // Wipes the object's memory; null is allowed. REQUIRES: `object` came from take().
  void give(void* object);

  bool locked() const { return locked_; }

 private:
  bool grow();

  const std::size_t object_bytes_;
  std::mutex mutex_;
  std::vector<void*> free_;
  std::vector<void*> chunks_;
  bool locked_ = true;
};

// The slab for objects of so many octets; it lives as long as the process, since SAs may outlive
// every other object at exit. Its objects are an odd number of cache lines apart, so that the same
// line of many objects falls into every set of a cache. REQUIRES: object_bytes < kChunkBytes.
SecureSlab& slab_for(std::size_t object_bytes);

// Overwrites memory in a way the compiler may not leave out.
void wipe(void* memory, std::size_t bytes);

}  // namespace kanmon::crypto
