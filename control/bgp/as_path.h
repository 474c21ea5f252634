// AS paths (RFC 4271 section 4.3, RFC 6793): segments of four-octet AS numbers in one flat array of
// words, so that a path is copied, compared and hashed as memory.
//
// Canonical by construction: neighbouring sequences are one segment (whoever encodes splits at
// 255), the members of a set are sorted and unique, no segment is empty. AS numbers are in host
// order. Confederation segments (RFC 5065) do not exist here: the decoder refuses them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kanmon::bgp {

// The number a two-octet speaker puts where a four-octet one belongs (RFC 6793 section 9).
inline constexpr uint32_t kAsTrans = 23456;

enum class SegmentType : uint8_t { kSet = 1, kSequence = 2 };

struct Segment {
  SegmentType type = SegmentType::kSequence;
  std::span<const uint32_t> asns;
};

// A path that lies somewhere else: for (Segment s : view) goes through it.
class AsPathView {
 public:
  class Iterator {
   public:
    explicit Iterator(const uint32_t* at) : at_(at) {}
    Segment operator*() const { return {static_cast<SegmentType>(*at_ >> 24), {at_ + 1, count()}}; }
    Iterator& operator++() {
      at_ += 1 + count();
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    size_t count() const { return *at_ & 0xffffff; }
    const uint32_t* at_;
  };

  AsPathView() = default;
  // `words` as AsPath::words() gives them.
  explicit AsPathView(std::span<const uint32_t> words) : words_(words) {}

  Iterator begin() const { return Iterator(words_.data()); }
  Iterator end() const { return Iterator(words_.data() + words_.size()); }
  bool empty() const { return words_.empty(); }
  std::span<const uint32_t> words() const { return words_; }

  // What the decision process counts: each member of a sequence, and one per set (RFC 4271 section
  // 9.1.2.2 a).
  uint32_t length() const;
  // How often `asn` stands in it, sets included.
  uint32_t count(uint32_t asn) const;
  bool contains(uint32_t asn) const { return count(asn) != 0; }
  // The neighbour that sent it: the first of a leading sequence; 0 for an empty path or a set.
  uint32_t neighbor() const;
  // Who originated the route: the last of a trailing sequence; 0 for an empty path or a set.
  uint32_t origin() const;
  // "65001 65002 {65003 65004}"; an empty string for an empty path.
  std::string to_string() const;

 private:
  std::span<const uint32_t> words_;
};

class AsPath {
 public:
  AsPath() = default;
  AsPath(std::initializer_list<uint32_t> sequence) {
    append(SegmentType::kSequence, {sequence.begin(), sequence.size()});
  }
  explicit AsPath(AsPathView view) : words_(view.words().begin(), view.words().end()) {}

  AsPathView view() const { return AsPathView(words_); }
  operator AsPathView() const { return view(); }
  std::span<const uint32_t> words() const { return words_; }
  bool empty() const { return words_.empty(); }
  void clear() { words_.clear(); }

  // Adds a segment at the far end, in wire order. An empty one is left out.
  void append(SegmentType type, std::span<const uint32_t> asns);
  // Puts `asn` in front `times` times.
  void prepend(uint32_t asn, unsigned times = 1);
  // The path with each AS number changed by `change`; those for which it gives 0 are left out.
  template <class Change>
  AsPath mapped(Change change) const {
    AsPath out;
    std::vector<uint32_t> kept;
    for (Segment s : view()) {
      kept.clear();
      for (uint32_t asn : s.asns) {
        if (const uint32_t now = change(asn); now != 0) kept.push_back(now);
      }
      out.append(s.type, kept);
    }
    return out;
  }

  friend bool operator==(const AsPath&, const AsPath&) = default;

 private:
  std::vector<uint32_t> words_;  // per segment: type << 24 | count, then the AS numbers
};

}  // namespace kanmon::bgp
