// Why two sides found no common proposal, in the words of both.
#include <algorithm>

#include "control/ike/proposal.h"

namespace kanmon::ike {
namespace {

using T = TransformType;

constexpr T kTypes[] = {T::kEncr, T::kInteg, T::kPrf, T::kDh, T::kEsn};
constexpr std::size_t kShown = 8;  // values of one type: a peer may offer hundreds

// Where leaving a type out means NONE (RFC 7296 section 3.3.3).
bool may_be_left_out(T type) {
  return type == T::kInteg || type == T::kDh;
}

void add(std::vector<Transform>& all, const Transform& t) {
  if (all.size() <= 255 && std::count(all.begin(), all.end(), t) == 0) all.push_back(t);
}

std::vector<Transform> of_type(std::span<const Proposal> proposals, T type) {
  std::vector<Transform> all;
  for (const Proposal& p : proposals) {
    for (const Transform& t : p.transforms)
      if (t.type == type) add(all, t);
    if (may_be_left_out(type) && !p.has(type)) add(all, {type, 0, 0, true});
  }
  return all;
}

bool says_none(const Transform& t) {
  return may_be_left_out(t.type) && t.id == 0;
}

// NONE is worth a word only where it is alone.
std::string names(std::vector<Transform> transforms) {
  if (transforms.empty()) return "nothing";
  if (!std::all_of(transforms.begin(), transforms.end(), says_none))
    std::erase_if(transforms, says_none);
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
    if (peer == ours && peer.size() < 2) continue;
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
