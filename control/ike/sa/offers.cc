#include "control/ike/sa/offers.h"

#include <algorithm>

namespace kanmon::ike {

bool may_try_group(std::span<const Proposal> offered, const std::vector<uint16_t>& tried,
                   uint16_t group) {
  return offers_group(offered, group) && std::ranges::find(tried, group) == tried.end();
}

bool offers_group(std::span<const Proposal> offered, uint16_t group) {
  return std::ranges::any_of(offered, [group](const Proposal& proposal) {
    return std::ranges::any_of(proposal.transforms, [group](const Transform& t) {
      return t.type == TransformType::kDh && t.id == group;
    });
  });
}

uint16_t first_group(std::span<const Proposal> offered) {
  for (const Proposal& proposal : offered)
    for (const Transform& t : proposal.transforms)
      if (t.type == TransformType::kDh) return t.id;
  return 0;
}

std::string describe(std::span<const Proposal> offered) {
  std::string text;
  for (const Proposal& proposal : offered) {
    if (!text.empty()) text += ", ";
    for (std::size_t i = 0; i < proposal.transforms.size(); ++i) {
      const Transform& t = proposal.transforms[i];
      text += (i == 0 ? "" : "/") + transform_name(t.type, t.id, t.key_bits);
    }
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace kanmon::ike
