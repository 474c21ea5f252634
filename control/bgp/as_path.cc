#include "control/bgp/as_path.h"

#include <algorithm>

namespace kanmon::bgp {
namespace {

uint32_t head(SegmentType type, size_t count) {
  return static_cast<uint32_t>(type) << 24 | static_cast<uint32_t>(count);
}

}  // namespace

uint32_t AsPathView::length() const {
  uint32_t sum = 0;
  for (Segment s : *this) {
    sum += s.type == SegmentType::kSet ? 1 : static_cast<uint32_t>(s.asns.size());
  }
  return sum;
}

uint32_t AsPathView::count(uint32_t asn) const {
  uint32_t sum = 0;
  for (Segment s : *this) {
    sum += static_cast<uint32_t>(std::count(s.asns.begin(), s.asns.end(), asn));
  }
  return sum;
}

uint32_t AsPathView::neighbor() const {
  if (empty()) return 0;
  const Segment first = *begin();
  return first.type == SegmentType::kSequence ? first.asns.front() : 0;
}

uint32_t AsPathView::origin() const {
  Segment last;
  for (Segment s : *this) last = s;
  return last.asns.empty() || last.type == SegmentType::kSet ? 0 : last.asns.back();
}

std::string AsPathView::to_string() const {
  std::string out;
  for (Segment s : *this) {
    if (!out.empty()) out += ' ';
    std::string inside;
    for (uint32_t asn : s.asns) {
      if (!inside.empty()) inside += ' ';
      inside += std::to_string(asn);
    }
    out += s.type == SegmentType::kSet ? '{' + inside + '}' : inside;
  }
  return out;
}

void AsPath::append(SegmentType type, std::span<const uint32_t> asns) {
  if (asns.empty()) return;
  if (type == SegmentType::kSet) {
    const size_t at = words_.size();
    words_.push_back(0);
    words_.insert(words_.end(), asns.begin(), asns.end());
    const auto first = words_.begin() + static_cast<std::ptrdiff_t>(at) + 1;
    std::sort(first, words_.end());
    words_.erase(std::unique(first, words_.end()), words_.end());
    words_[at] = head(type, words_.size() - at - 1);
    return;
  }
  // The last segment grows if it is a sequence too.
  size_t last = words_.size();
  for (size_t at = 0; at < words_.size(); at += 1 + (words_[at] & 0xffffff)) last = at;
  const bool grows =
      last < words_.size() && words_[last] >> 24 == static_cast<uint32_t>(SegmentType::kSequence);
  if (!grows) {
    last = words_.size();
    words_.push_back(0);
  }
  words_.insert(words_.end(), asns.begin(), asns.end());
  words_[last] = head(type, words_.size() - last - 1);
}

void AsPath::prepend(uint32_t asn, unsigned times) {
  if (times == 0) return;
  if (words_.empty() || words_[0] >> 24 != static_cast<uint32_t>(SegmentType::kSequence)) {
    words_.insert(words_.begin(), head(SegmentType::kSequence, 0));
  }
  words_.insert(words_.begin() + 1, times, asn);
  words_[0] += times;
}

}  // namespace kanmon::bgp
