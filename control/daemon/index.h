// Gives names small numbers, for the data plane's tables, and takes them back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace kanmon::daemon {

// Numbers 0 … limit-1. A number is used again as late as possible, so that what still travels with
// it (packets, late deletes) does not meet a stranger.
class Index {
 public:
  explicit Index(uint32_t limit) : limit_(limit) {}

  // The name's number, taken if it has none yet; no value if all are taken.
  std::optional<uint32_t> take(const std::string& name) {
    if (const auto known = find(name)) return known;
    if (names_.size() >= limit_) return std::nullopt;
    while (names_.count(next_) != 0) next_ = (next_ + 1) % limit_;
    const uint32_t number = next_;
    next_ = (next_ + 1) % limit_;
    numbers_[name] = number;
    names_[number] = name;
    return number;
  }
  void give_back(const std::string& name) {
    const auto it = numbers_.find(name);
    if (it == numbers_.end()) return;
    names_.erase(it->second);
    numbers_.erase(it);
  }
  std::optional<uint32_t> find(const std::string& name) const {
    const auto it = numbers_.find(name);
    return it == numbers_.end() ? std::nullopt : std::optional<uint32_t>(it->second);
  }
  std::size_t free() const { return limit_ - names_.size(); }
  // Empty if nothing has this number.
  const std::string& name(uint32_t number) const {
    static const std::string kNone;
    const auto it = names_.find(number);
    return it == names_.end() ? kNone : it->second;
  }

 private:
  uint32_t limit_;
  uint32_t next_ = 0;
  std::map<std::string, uint32_t> numbers_;
  std::map<uint32_t, std::string> names_;
};

}  // namespace kanmon::daemon
