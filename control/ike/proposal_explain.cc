// Why two sides found no common proposal, in the words of both.
#include <algorithm>

#include "control/ike/proposal.h"

namespace kanmon::ike {
namespace {

using T = TransformType;

constexpr T kTypes[] = {T::kEncr, T::kInteg, T::kPrf, T::kDh, T::kEsn};
constexpr std::size_t kShown = 8;  // values of one type: a peer may offer hundreds

std::vector<Transform> of_type(std::span<const Proposal> proposals, T type) {
  std::vector<Transform> all;
  for (const Proposal& p : proposals)
    for (const Transform& t : p.transforms)
      if (t.type == type && std::count(all.begin(), all.end(), t) == 0 && all.size() <= 255)
        all.push_back(t);
  return all;
}

std::string names(const std::vector<Transform>& transforms) {
  if (transforms.empty()) return "nothing";
  std::string text;
  for (std::size_t i = 0; i < std::min(transforms.size(), kShown); ++i) {
    const Transform& t = transforms[i];
    text += (i == 0 ? "" : ", ") + transform_name(t.type, t.id, t.key_bits);
    if (!t.usable) text += " (with an unknown attribute)";
  }
  if (transforms.size() > kShown)
    text += " and " + std::to_string(transforms.size() - kShown) + " more";
  return text;
}

bool meet(const std::vector<Transform>& a, const std::vector<Transform>& b) {
  if (a.empty() && b.empty()) return true;
  return std::any_of(a.begin(), a.end(),
                     [&b](const Transform& t) { return std::count(b.begin(), b.end(), t) != 0; });
}

std::string compare(T type, const std::vector<Transform>& theirs,
                    const std::vector<Transform>& ours) {
  return to_string(type) + ": peer offers " + names(theirs) + ", configured " + names(ours);
}

bool is_strange(T type) {
  return std::count(std::begin(kTypes), std::end(kTypes), type) == 0;
}

// Types this program does not know make a proposal unacceptable (RFC 7296 section 3.3.6).
std::string strange_types(std::span<const Proposal> theirs) {
  for (const Proposal& p : theirs)
    for (const Transform& t : p.transforms)
      if (is_strange(t.type)) return "peer asks for unknown " + to_string(t.type);
  return {};
}

void join(std::string& text, const std::string& part) {
  if (part.empty()) return;
  if (!text.empty()) text += "; ";
  text += part;
}

}  // namespace

std::string explain_mismatch(std::span<const Proposal> configured,
                             std::span<const Proposal> theirs) {
  if (theirs.empty()) return "peer offers no proposal";
  if (configured.empty()) return "no usable proposal is configured";
  std::string differing;
  std::string all;
  for (const T type : kTypes) {
    const auto peer = of_type(theirs, type);
    const auto ours = of_type(configured, type);
    if (peer.empty() && ours.empty()) continue;
    join(all, compare(type, peer, ours));
    if (!meet(peer, ours)) join(differing, compare(type, peer, ours));
  }
  join(differing, strange_types(theirs));
  const bool protocol_differs = theirs.front().protocol != configured.front().protocol;
  if (protocol_differs)
    join(differing, "protocol: peer proposes " + to_string(theirs.front().protocol) +
                        ", configured " + to_string(configured.front().protocol));
  if (!differing.empty()) return differing;
  return "no single proposal of the peer has a configured combination: " + all;
}

}  // namespace kanmon::ike
