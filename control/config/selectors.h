// Traffic selectors in the configuration: a prefix, a range, or either with protocol and ports.
#pragma once

#include <string>

#include "control/config/codec.h"
#include "dataplane/sa/selector.h"

namespace kanmon::config {

struct SelectorItem {
  static void read(Context& context, const Node& node, sa::Selector& out);
  static std::string show(const sa::Selector& selector);
  static Json schema();
};

// "10.1.0.0/24", "10.1.0.1-10.1.0.9", either with " tcp 80-90" and the like behind it.
std::string to_string(const sa::Selector& selector);

// True if every address of `prefix` is in one of `selectors`, whatever protocol and ports they ask.
bool covers(const std::vector<sa::Selector>& selectors, const wire::Prefix& prefix);

}  // namespace kanmon::config
