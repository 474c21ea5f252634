// A good configuration that tests change one line of.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "control/config/config.h"

namespace kanmon::config::test {

// Sections by path, keys by name: "tunnels.branch" -> {"table" -> "main"}.
using Sections = std::map<std::string, std::map<std::string, std::string>>;

inline Sections good() {
  return {
      {"system", {{"name", "gw1"}}},
      {"ports.wan",
       {{"device", "af_packet:gw-wan"},
        {"addresses", "[192.0.2.1/24, \"2001:db8:1::1/64\"]"},
        {"underlay", "internet"}}},
      {"ports.lan",
       {{"device", "af_packet:gw-lan"}, {"addresses", "[10.1.0.1/24]"}, {"table", "main"}}},
      {"underlays.internet", {{"routes", "[{prefix: 0.0.0.0/0, via: 192.0.2.254}]"}}},
      {"route-tables.main", {{"routes", "[{prefix: 10.2.0.0/24, tunnel: branch}]"}}},
      {"tunnels.branch",
       {{"table", "main"},
        {"underlay", "internet"},
        {"local-address", "192.0.2.1"},
        {"remote-address", "192.0.2.2"},
        {"pre-shared-key", "\"0123456789abcdef\""}}},
  };
}

inline std::string text_of(const Sections& sections) {
  std::string out = "version: 1\n", group;
  for (const auto& [path, keys] : sections) {
    const auto dot = path.find('.');
    std::string indent = "  ";
    if (path.substr(0, dot) != group) {
      group = path.substr(0, dot);
      out += group + ":\n";
    }
    if (dot != std::string::npos) {
      out += "  " + path.substr(dot + 1) + ":\n";
      indent = "    ";
    }
    for (const auto& [key, value] : keys) out += indent + key + ": " + value + "\n";
  }
  return out;
}

inline Loaded load(const Sections& sections) {
  return load_text(text_of(sections), "gw.yaml");
}

inline Loaded load_with(const std::string& section, const std::string& key,
                        const std::string& value) {
  Sections sections = good();
  sections[section][key] = value;
  return load(sections);
}

inline std::string all(const Loaded& loaded) {
  std::string out;
  for (const Problem& p : loaded.problems) out += p.to_string() + "\n";
  return out;
}

// True if there is an error (or warning) about `key` whose text has `part` in it.
inline bool has(const Loaded& loaded, const std::string& key, const std::string& part,
                bool warning = false) {
  return std::any_of(loaded.problems.begin(), loaded.problems.end(), [&](const Problem& p) {
    return p.key == key && p.warning == warning && p.text.find(part) != std::string::npos;
  });
}

inline bool has_error(const Loaded& loaded, const std::string& key) {
  return has(loaded, key, "", false);
}

}  // namespace kanmon::config::test
