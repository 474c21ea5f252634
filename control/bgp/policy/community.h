// Communities as operators write them, and lists of patterns for them: standard
// (RFC 1997), extended (RFC 4360) and large (RFC 8092).
//
//   65001:100   no-export   65001:*       standard, by name, with any second
//   half 65001:1:2   65001:*:*                 large rt:65001:7  soo:65001:7
//   0x0002fde900000007        extended: route target, site of origin, any
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/bgp/attributes.h"

namespace kanmon::bgp {

// Well-known ones (IANA registry; RFC 1997, 3765, 7999, 8326).
namespace community {
inline constexpr uint32_t kGracefulShutdown = 0xffff0000, kBlackhole = 0xffff029a,
                          kNoExport = 0xffffff01, kNoAdvertise = 0xffffff02,
                          kNoExportSubconfed = 0xffffff03, kNoPeer = 0xffffff04;
}

enum class CommunityKind : uint8_t { kStandard, kExtended, kLarge };

// One community, or with wildcards many: bits outside `mask` do not count.
struct CommunityPattern {
  CommunityKind kind = CommunityKind::kStandard;
  std::array<uint32_t, 3> value{}, mask{};  // standard: the first word; extended: two; large: three

  // kBadValue if it is none.
  static Result<CommunityPattern> parse(std::string_view text);
  // Without a wildcard: can be added to a route.
  bool is_exact() const;
  bool in(const AttributeSet& set) const;
  // What `attributes` has of it goes.
  void remove_from(Attributes& attributes) const;
  // REQUIRES: is_exact().
  void add_to(Attributes& attributes) const;
};

std::string community_text(uint32_t community);  // "65001:100", "no-export"
std::string community_text(const LargeCommunity& community);
std::string extended_text(uint64_t community);

struct CommunityRule {
  bool permit = true;
  std::vector<CommunityPattern> all;  // every one has to be there
};

// The first rule that matches decides; none: denied.
class CommunityList {
 public:
  CommunityList() = default;
  explicit CommunityList(std::vector<CommunityRule> rules) : rules_(std::move(rules)) {}
  bool permits(const AttributeSet& set) const;

 private:
  std::vector<CommunityRule> rules_;
};

}  // namespace kanmon::bgp
