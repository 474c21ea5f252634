// A YAML text as a tree in which every node knows its place.
//
// yaml-cpp's own tree keeps the last of two equal keys without a word and follows aliases without
// bound; this one is built from its parser events, names duplicate keys, and has limits.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/config/hidden_keys.h"
#include "control/config/problems.h"

namespace kanmon::config {

struct Node {
  enum class Kind : uint8_t { kNothing, kScalar, kSequence, kMap } kind = Kind::kNothing;
  bool is_quoted = false;  // kScalar: written in quotes or as a block, hence text
  bool is_hidden = false;  // kScalar: a key that never went through the YAML library
  Mark mark;
  std::string text;                                          // kScalar
  std::vector<const Node*> items;                            // kSequence
  std::vector<std::pair<const Node*, const Node*>> entries;  // kMap: key (a scalar), value
  uint32_t weight = 1;  // nodes below and including this one, aliases written out

  // "a list", "a section", "nothing", or the scalar in quotes.
  std::string describe() const;
};

struct Limits {
  static constexpr std::size_t kTextBytes = 8 * 1024 * 1024;
  static constexpr std::size_t kDepth = 32;
  static constexpr uint32_t kNodes = 1'000'000;  // aliases written out: no billion laughs
};

// Owns its nodes; not movable, since nodes point to each other. Scalars are wiped on destruction:
// one of them may be a pre-shared key (see hidden_keys.h for the way they come here).
class Document {
 public:
  Document() = default;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  ~Document();

  // Reads `text`; false if there is no tree to work with (the problem is reported). Duplicate keys
  // are reported and the first is kept. `<<: *anchor` merges a map into the one it stands in; keys
  // of the latter win. Never throws.
  bool parse(std::string_view text, Problems& problems);
  // REQUIRES: parse() returned true.
  const Node& root() const { return *root_; }

 private:
  friend class Builder;
  bool read(std::string_view text, HiddenKeys* hidden, Problems& problems);
  void clear();
  std::deque<Node> nodes_;
  const Node* root_ = nullptr;
};

}  // namespace kanmon::config
