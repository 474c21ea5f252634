// What differs between two configurations, key by key.
#pragma once

#include <string>
#include <vector>

#include "control/config/config.h"

namespace kanmon::config {

// One key whose value differs. A value that is not there is empty; a secret shows as "(secret)" on
// both sides.
struct Change {
  std::string key;  // "tunnels.branch.dpd-timeout-seconds", "ports.lan", …
  std::string before;
  std::string after;

  // "tunnels.branch.dpd-timeout-seconds: 40 -> 10", "ports.lan: added", "…: removed"
  std::string to_string() const;
};

using Changes = std::vector<Change>;

// In the order of the schema; empty if both mean the same.
Changes changes_between(const Config& before, const Config& after);

}  // namespace kanmon::config
