// A route table of either family: control's side of Lpm4 and Lpm6, and the view its readers use.
//
// A route lives in the trie of routes and shows in compiled forwarding nodes. A change compiles the
// nodes it touches anew, deepest first, and shows them all at once by one store of a reference: for
// every address a reader sees the answer of before or of after, nothing else. (A route shorter than
// the root's index is as many such stores as there are root slots below it. The default route is
// in no node: it is one word that all lookups without another answer end at.)
//
// The root is an array that grows with the table: 1, 64, 4,096 or 262,144 slots, so that a table of
// ten routes costs a few hundred octets and one of a million answers from two cache lines.
//
// One control thread calls everything but view(), which is for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/common/result.h"
#include "dataplane/fib/next_hop_codes.h"
#include "dataplane/fib/node.h"
#include "dataplane/fib/node_compiler.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/fib/route_trie.h"

namespace kanmon::fib {

struct Rooted;

class Table {
 public:
  using Visit = void (*)(void* ctx, Key prefix, unsigned length, NextHop hop);

  // `max_length`: 32 or 128. The pool outlives the table.
  Table(NodePool& pool, unsigned max_length);
  // REQUIRES: no reader can reach the table any more (for example: called by a Qsbr deleter).
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Inserts or replaces. Errors: kBadValue (length, host bits set, or no next hop), kNoSpace (the
  // routes are as before).
  Status insert(Key prefix, unsigned length, NextHop hop);
  // Errors: kNotFound, kBadValue, kNoSpace (the route is still there).
  Status erase(Key prefix, unsigned length);
  // The next hop of exactly this route, or none.
  NextHop find(Key prefix, unsigned length) const;

  size_t size() const { return size_; }
  // Everything this table holds, readers' and control's side, without what waits for a grace
  // period.
  size_t memory_bytes() const;
  // All routes, by address and then from short to long.
  void walk(Visit visit, void* ctx) const;

  // REQUIRES of a reader: online in the pool's Qsbr; the view is good until it is quiescent.
  const View& view() const { return *view_.load(std::memory_order_acquire); }

 private:
  struct Cover {
    NextHop hop;
    unsigned length = 0;
  };
  // What an update may have changed, for refresh() and sweep().
  struct Change {
    Key prefix;
    unsigned length = 0;
    bool inherited = false;   // what whole root slots inherit
    RouteTrie::Ref home = 0;  // the node in which …
    uint64_t slots = 0;       // … these slots have another answer
  };

  bool valid(Key prefix, unsigned length) const;
  Status prepare_codes(NextHop hop);
  Status insert_default(NextHop hop);
  Status erase_default();
  bool reserve_for(const RouteTrie::Path& path, Key prefix, unsigned length);
  bool reserve_for_all(unsigned root_bits, bool wide);

  Change take_out(RouteTrie::Path& path, Key prefix, unsigned length);
  // Shows the last node of `path`, whose shape or routes changed, and all that is new below it.
  void publish(const RouteTrie::Path& path, const Change& change);
  void link(RouteTrie::Ref parent, RouteTrie::Ref node);
  void refresh(RouteTrie::Ref node, NextHop inherited, bool changed, const Change& change);
  void sweep(RouteTrie::Ref node, unsigned depth, Key at, Cover cover, const Change& change);
  void emit(uint64_t slot, RouteTrie::Ref node, NextHop hop, const Change& change);
  uint32_t compile(const std::array<NextHop, kSlots>& slots, uint64_t borders,
                   const Children& children);
  void retire(uint32_t node);
  // The node of a root slot below which there is no longer route. Narrow tables have one for every
  // next hop, made at need and kept until the next rebuild(), noted beside the next hop's code.
  uint32_t plain_node(NextHop hop);
  bool is_shared(uint32_t node) const;

  // Gives the table a root of this size, codes without the ones no longer used, and narrow leaves
  // if they suffice; `extra` gets a code too. Errors: kNoSpace (nothing changed).
  Status rebuild(unsigned root_bits, NextHop extra);
  void retire_nodes();
  void reset();
  void fit_root();

  NodePool& pool_;
  const unsigned max_length_;
  RouteTrie trie_;
  NextHopCodes codes_;
  Rooted* rooted_ = nullptr;  // null while the table is empty: the view is then one shared by all
  NextHop default_{};         // of the route of length 0, which is not in the trie
  size_t size_ = 0;
  size_t node_bytes_ = 0;
  size_t unfit_size_ = 0;  // of the table when no memory was found for another root; 0: never
  std::atomic<const View*> view_;  // control writes, readers load
};

}  // namespace kanmon::fib
