// Every next-hop group of the data plane: made here, shown to the workers by commands, freed when
// no worker can see it any more. The only writer of SetGroup.
//
// Members that die and come back need nothing of this: the workers look (fib::Group). A group is
// set anew when its members or their weights change.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "control/publish/plane.h"
#include "dataplane/common/result.h"
#include "dataplane/fib/group.h"

namespace kanmon::publish {

class GroupStore {
 public:
  // `capacity`: Tables::Capacity::groups. `seed`: see fib::Group; the same for all.
  GroupStore(Plane& plane, uint16_t workers, uint32_t capacity, uint32_t seed);
  // REQUIRES: the workers have stopped.
  ~GroupStore() = default;
  GroupStore(const GroupStore&) = delete;
  GroupStore& operator=(const GroupStore&) = delete;

  // The group `number` has these members from now on, in any order; flows stay where they are as
  // far as the members allow. Nothing is sent if it has them already. A packet that meets a new
  // group before its worker has applied the command is dropped by name (route.no_member): where
  // that matters a route names it only when published() is acknowledged.
  // Errors: kBadValue (see fib::Group::make), kNoSpace (number too large). Nothing changed then.
  Status set(uint32_t number, std::span<const fib::GroupMember> members);
  // It goes. No route may name it any more. Nothing for one that is not there.
  void remove(uint32_t number);
  // Frees what was acknowledged.
  void sweep();

  // Of the last command of this store; 0: none was.
  uint64_t published() const { return published_; }
  // Null: there is none.
  const fib::Group* find(uint32_t number) const;
  // By number.
  const std::map<uint32_t, std::unique_ptr<fib::Group>>& all() const { return groups_; }
  std::size_t waiting_to_be_freed() const { return graves_.size(); }

 private:
  struct Grave {
    uint64_t sequence;
    std::unique_ptr<fib::Group> group;
  };
  void replace(uint32_t number, std::unique_ptr<fib::Group> group);

  Plane& plane_;
  const uint16_t workers_;
  const uint32_t capacity_;
  const uint32_t seed_;
  uint64_t published_ = 0;
  std::map<uint32_t, std::unique_ptr<fib::Group>> groups_;
  std::deque<Grave> graves_;  // in the order of their sequence numbers
};

}  // namespace kanmon::publish
