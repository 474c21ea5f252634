// From the configuration of BGP to what a speaker takes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control/bgp/speaker/settings.h"
#include "control/config/bgp.h"

namespace kanmon::daemon {

// The lists and maps of a configuration, made once: whoever has the same object has the same
// policy.
class BgpPolicies {
 public:
  explicit BgpPolicies(const config::Bgp& config);
  // Null for an empty name. REQUIRES: the name is known, or kBgpAllRoutes.
  std::shared_ptr<const bgp::RouteMap> map(const std::string& name) const;
  std::shared_ptr<const bgp::PrefixList> prefixes(const std::string& name) const;

 private:
  bgp::RouteMapEntry entry_of(const config::BgpMapEntry& e) const;
  std::map<std::string, std::shared_ptr<const bgp::PrefixList>> prefix_lists_;
  std::map<std::string, std::shared_ptr<const bgp::CommunityList>> community_lists_;
  std::map<std::string, std::shared_ptr<const bgp::AsPathList>> as_path_lists_;
  std::map<std::string, std::shared_ptr<const bgp::RouteMap>> maps_;
};

// Where a session runs.
struct BgpPlace {
  std::shared_ptr<const host::Namespace> where;
  std::string device;
  std::optional<wire::IpAddress> local4, local6;  // own addresses there
};

bgp::SpeakerSettings speaker_settings(
    const config::BgpSpeaker& config, const BgpPolicies& policies,
    const std::function<BgpPlace(const config::BgpPeer&)>& place_of);

}  // namespace kanmon::daemon
