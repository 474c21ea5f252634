#include "control/publish/check_store.h"

#include <utility>

namespace kanmon::publish {

CheckStore::CheckStore(Plane& plane, std::function<uint64_t()> random, bfd::Sha1 sha1)
    : plane_(plane), random_(std::move(random)), sha1_(sha1) {}

std::optional<uint32_t> CheckStore::add(const vigil::Settings& settings) {
  if (free_slots_.empty() && next_slot_ == vigil::kSlots) return std::nullopt;
  uint32_t slot = next_slot_;
  if (free_slots_.empty()) {
    ++next_slot_;
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  auto check = std::make_unique<vigil::Check>(settings, slot, random_(), sha1_);
  plane_.publish(rings::SetCheck{slot, check.get()});
  checks_[slot] = std::move(check);
  return slot;
}

void CheckStore::change(uint32_t slot, const bfd::Policy& policy) {
  if (find(slot) == nullptr) return;
  bfd::Policy without_key = policy;  // which does not change in a session's life
  without_key.auth = {};
  plane_.publish(rings::ChangeCheck{slot, without_key});
}

void CheckStore::remove(uint32_t slot) {
  const auto it = checks_.find(slot);
  if (it == checks_.end()) return;
  const uint64_t sequence = plane_.publish(rings::SetCheck{slot, nullptr});
  graves_.push_back({sequence, std::move(it->second)});
  checks_.erase(it);
}

std::vector<vigil::Path> CheckStore::sweep() {
  std::vector<vigil::Path> freed;
  while (!graves_.empty() && plane_.acknowledged(graves_.front().sequence)) {
    freed.push_back(graves_.front().check->settings.path);
    free_slots_.push_back(graves_.front().check->slot);
    graves_.pop_front();
  }
  return freed;
}

const vigil::Check* CheckStore::find(uint32_t slot) const {
  const auto it = checks_.find(slot);
  return it == checks_.end() ? nullptr : it->second.get();
}

}  // namespace kanmon::publish
