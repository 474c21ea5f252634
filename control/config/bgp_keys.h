// The keys of the section `bgp`, and what follows from the rest of the file.
#pragma once

#include "control/config/bgp.h"
#include "control/config/codec.h"
#include "control/config/config.h"

namespace kanmon::config {

// The whole section.
struct BgpSection {
  static void read(Context& context, const Node& node, Bgp& out);
  static std::string show(const Bgp&) { return {}; }
  static Json schema();
  static void diff(const std::string& path, const Bgp& before, const Bgp& after, Changes& changes);
};

// An AS number: 1 to 4294967295, plain or as 65000.1 (RFC 5396).
struct AsNumber {
  static void read(Context& context, const Node& node, uint32_t& out);
  static std::string show(uint32_t value) { return value == 0 ? "" : std::to_string(value); }
  static Json schema();
};

// Fills in where each session runs, its own address, and the router id. Called once, between
// reading and checking; what cannot be derived is left empty and is for the checks.
void derive_bgp(Config& config);

// The lists and maps, in bgp_policy_keys.cc.
struct BgpPrefixLists {
  static void read(Context& context, const Node& node, std::vector<BgpList<BgpPrefixRule>>& out);
  static std::string show(const std::vector<BgpList<BgpPrefixRule>>&) { return {}; }
  static Json schema();
  static void diff(const std::string& path, const std::vector<BgpList<BgpPrefixRule>>& before,
                   const std::vector<BgpList<BgpPrefixRule>>& after, Changes& changes);
};
struct BgpCommunityLists {
  static void read(Context& context, const Node& node, std::vector<BgpList<BgpCommunityRule>>& out);
  static std::string show(const std::vector<BgpList<BgpCommunityRule>>&) { return {}; }
  static Json schema();
  static void diff(const std::string& path, const std::vector<BgpList<BgpCommunityRule>>& before,
                   const std::vector<BgpList<BgpCommunityRule>>& after, Changes& changes);
};
struct BgpAsPathLists {
  static void read(Context& context, const Node& node, std::vector<BgpList<BgpAsPathRule>>& out);
  static std::string show(const std::vector<BgpList<BgpAsPathRule>>&) { return {}; }
  static Json schema();
  static void diff(const std::string& path, const std::vector<BgpList<BgpAsPathRule>>& before,
                   const std::vector<BgpList<BgpAsPathRule>>& after, Changes& changes);
};
struct BgpRouteMaps {
  static void read(Context& context, const Node& node, std::vector<BgpList<BgpMapEntry>>& out);
  static std::string show(const std::vector<BgpList<BgpMapEntry>>&) { return {}; }
  static Json schema();
  static void diff(const std::string& path, const std::vector<BgpList<BgpMapEntry>>& before,
                   const std::vector<BgpList<BgpMapEntry>>& after, Changes& changes);
};

}  // namespace kanmon::config
