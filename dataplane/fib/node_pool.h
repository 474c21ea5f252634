// The memory that all lookup tables of a process share: forwarding nodes, which readers walk, and
// route nodes, which only control reads. Make one, give it to every table.
//
// Control thread only, except nodes().base(), which readers get through a table.
#pragma once

#include <cstdint>

#include "dataplane/fib/arena.h"
#include "dataplane/rings/qsbr.h"

namespace kanmon::fib {

class NodePool {
 public:
  // Reserves address space, not memory: enough for about a hundred full Internet tables.
  static constexpr size_t kDefaultLimitBytes = size_t{8} << 30;

  explicit NodePool(rings::Qsbr& qsbr, size_t limit_bytes = kDefaultLimitBytes);
  // REQUIRES: no reader online, all tables gone.
  ~NodePool();
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;

  // False if the address space was refused; every insert then fails with kNoSpace.
  bool ok() const { return nodes_.base() && routes_.base(); }

  rings::Qsbr& qsbr() { return qsbr_; }
  Arena& nodes() { return nodes_; }    // read by workers
  Arena& routes() { return routes_; }  // read by control only

  // Room for `bytes` in `count` blocks of nodes() and for retiring as many, and for `route_bytes`
  // of routes(). False, and nothing changed, if there is none.
  bool reserve(size_t bytes, size_t count, size_t route_bytes);
  // Puts a node aside that readers may still walk. REQUIRES: counted in a reserve().
  void retire(Arena::Ref node);
  // To be called when all retired nodes are unreachable: hands full batches to the Qsbr, which
  // frees them after a grace period, and lets it reclaim.
  void settle();
  // The same with the last, not yet full batch. For control's housekeeping.
  size_t reclaim();

  // Address space that has been used for blocks, free or not: the resident size, about.
  size_t footprint_bytes() const { return nodes_.footprint_bytes() + routes_.footprint_bytes(); }

 private:
  struct Batch : rings::Deferred {
    static constexpr uint32_t kCapacity = 500;
    NodePool* pool = nullptr;
    Batch* below = nullptr;  // in full_ or spare_
    uint32_t count = 0;
    Arena::Ref refs[kCapacity];
  };
  static void release_batch(rings::Deferred* self);
  bool provide_batches(size_t count);
  void trim(size_t kept);

  rings::Qsbr& qsbr_;
  Arena nodes_;
  Arena routes_;
  Batch* open_ = nullptr;   // being filled
  Batch* full_ = nullptr;   // filled during the update that is going on
  Batch* spare_ = nullptr;  // empty
  size_t spares_ = 0;
};

}  // namespace kanmon::fib
