#include "control/publish/group_store.h"

#include <algorithm>
#include <utility>

namespace kanmon::publish {

GroupStore::GroupStore(Plane& plane, uint16_t workers, uint32_t capacity, uint32_t seed)
    : plane_(plane), workers_(workers), capacity_(capacity), seed_(seed) {}

Status GroupStore::set(uint32_t number, std::span<const fib::GroupMember> members) {
  if (number >= capacity_) return Errc::kNoSpace;
  const fib::Group* before = find(number);
  auto group = fib::Group::make(members, workers_, seed_, before);
  if (group == nullptr) return Errc::kBadValue;
  if (before != nullptr && std::ranges::equal(before->members(), group->members()))
    return success();
  replace(number, std::move(group));
  return success();
}

void GroupStore::remove(uint32_t number) {
  if (find(number) != nullptr) replace(number, nullptr);
}

void GroupStore::replace(uint32_t number, std::unique_ptr<fib::Group> group) {
  published_ = plane_.publish(rings::SetGroup{number, group.get()});
  std::unique_ptr<fib::Group>& held = groups_[number];
  if (held != nullptr) graves_.push_back({published_, std::move(held)});
  held = std::move(group);
  if (held == nullptr) groups_.erase(number);
}

void GroupStore::sweep() {
  while (!graves_.empty() && plane_.acknowledged(graves_.front().sequence)) graves_.pop_front();
}

const fib::Group* GroupStore::find(uint32_t number) const {
  const auto it = groups_.find(number);
  return it == groups_.end() ? nullptr : it->second.get();
}

}  // namespace kanmon::publish
