// Every check of the data plane: made here, given to the workers by commands, freed when no worker
// knows it any more. The only writer of SetCheck and ChangeCheck.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "control/publish/plane.h"
#include "dataplane/vigil/check.h"

namespace kanmon::publish {

class CheckStore {
 public:
  // `random`: 64 bits nobody can guess. `sha1`: of BFD authentication; see bfd::Sha1.
  CheckStore(Plane& plane, std::function<uint64_t()> random, bfd::Sha1 sha1);
  // REQUIRES: the workers have stopped.
  ~CheckStore() = default;
  CheckStore(const CheckStore&) = delete;
  CheckStore& operator=(const CheckStore&) = delete;

  // The slot of a new check, which its owner worker runs from now on; nullopt: all are in use.
  std::optional<uint32_t> add(const vigil::Settings& settings);
  // New intervals and multiplier of a BFD session, without an interruption.
  void change(uint32_t slot, const bfd::Policy& policy);
  // It ends; a BFD session says goodbye first. Nothing for one that is not there.
  void remove(uint32_t slot);
  // Frees what was acknowledged, and returns the paths that were checked by it: from now on no
  // worker holds them for down because of it.
  std::vector<vigil::Path> sweep();

  // Null: there is none.
  const vigil::Check* find(uint32_t slot) const;
  std::size_t size() const { return checks_.size(); }
  std::size_t waiting_to_be_freed() const { return graves_.size(); }

 private:
  struct Grave {
    uint64_t sequence;
    std::unique_ptr<vigil::Check> check;
  };
  Plane& plane_;
  std::function<uint64_t()> random_;
  const bfd::Sha1 sha1_;
  std::map<uint32_t, std::unique_ptr<vigil::Check>> checks_;  // by slot
  std::deque<Grave> graves_;
  uint32_t next_slot_ = 0;  // none below it was never used
  std::vector<uint32_t> free_slots_;
};

}  // namespace kanmon::publish
