// Lists and route maps of BGP: sections by name, each a list of rules in order.
#include <algorithm>

#include "control/bgp/policy/as_pattern.h"
#include "control/bgp/policy/community.h"
#include "control/bgp/policy/prefix_list.h"
#include "control/bgp/policy/route_map.h"
#include "control/config/bgp_keys.h"
#include "control/config/problems.h"

namespace kanmon::config {
namespace {

constexpr std::size_t kMostRules = 100'000;

constexpr Word<bool> kActions[] = {{"permit", true}, {"deny", false}};

// Names, each with a list of sections that `Keys` describe.
template <auto& Keys, class Rule>
struct Lists {
  static void read(Context& context, const Node& node, std::vector<BgpList<Rule>>& out) {
    if (node.kind != Node::Kind::kMap)
      return context.expected(node, "a section with one key per name");
    for (const auto& [key, value] : node.entries) {
      if (!check_name(context, *key)) continue;
      const Context::Step step(context, *key, *value);
      BgpList<Rule>& list = out.emplace_back();
      list.name = key->text;
      read_rules(context, *value, list.rules);
    }
  }
  static Json schema() {
    return named_schema(
        {{"type", "array"}, {"items", section_schema<Rule>(Keys)}, {"maxItems", kMostRules}});
  }
  static void diff(const std::string& path, const std::vector<BgpList<Rule>>& before,
                   const std::vector<BgpList<Rule>>& after, Changes& changes) {
    for (const auto& old : before) {
      const auto* now = find(after, old.name);
      const std::string here = path + "." + old.name;
      if (now == nullptr) {
        changes.push_back({here, "present", ""});
      } else if (*now != old) {
        changes.push_back({here, count(old), count(*now) + ", changed"});
      }
    }
    for (const auto& now : after)
      if (find(before, now.name) == nullptr)
        changes.push_back({path + "." + now.name, "", "present"});
  }

 private:
  static void read_rules(Context& context, const Node& node, std::vector<Rule>& out) {
    if (!check_list(context, node, 0, kMostRules)) return;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Context::Step step(context, i, *node.items[i]);
      const std::size_t before = context.problems().errors();
      Rule rule;
      read_section<Rule>(context, *node.items[i], Keys, rule);
      if (context.problems().errors() != before) continue;
      out.push_back(std::move(rule));
      context.keep_item();
    }
  }
  static const BgpList<Rule>* find(const std::vector<BgpList<Rule>>& lists,
                                   const std::string& name) {
    for (const auto& l : lists)
      if (l.name == name) return &l;
    return nullptr;
  }
  static std::string count(const BgpList<Rule>& list) {
    return std::to_string(list.rules.size()) + " entries";
  }
};

// ---- values

struct Community {
  static void read(Context& context, const Node& node, std::string& out) {
    auto text = read_text(context, node, 64, "a community");
    if (!text) return;
    if (!bgp::CommunityPattern::parse(*text).ok())
      return context.expected(node,
                              "a community such as 65001:100, 65001:*, 65001:1:2, rt:65001:7, "
                              "no-export");
    out = std::move(*text);
  }
  static std::string show(const std::string& value) { return value; }
  static Json schema() { return text_schema(); }
};

// One that can be added: no wildcard.
struct ExactCommunity : Community {
  static void read(Context& context, const Node& node, std::string& out) {
    std::string text;
    Community::read(context, node, text);
    if (text.empty()) return;
    if (!bgp::CommunityPattern::parse(text)->is_exact())
      return context.expected(node, "one community, without a wildcard");
    out = std::move(text);
  }
};

struct PathPattern {
  static void read(Context& context, const Node& node, std::string& out) {
    if (node.kind != Node::Kind::kScalar || !bgp::AsPattern::parse(node.text).ok())
      return context.expected(node,
                              "a pattern of AS numbers, ranges, ? and *, as in \"65001 *\" or "
                              "\"* 64512-65534\"");
    out = node.text;
  }
  static std::string show(const std::string& value) { return value; }
  static Json schema() { return text_schema(); }
};

template <auto& Table>
struct MaybeChoice {
  template <class T>
  static void read(Context& context, const Node& node, std::optional<T>& out) {
    if (const auto at = read_word(context, node, Choice<Table>::names())) out = Table[*at].value;
  }
  template <class T>
  static std::string show(const std::optional<T>& value) {
    return value ? Choice<Table>::show(*value) : "";
  }
  static Json schema() { return Choice<Table>::schema(); }
};

constexpr Word<bgp::Origin> kOrigins[] = {{"igp", bgp::Origin::kIgp},
                                          {"egp", bgp::Origin::kEgp},
                                          {"incomplete", bgp::Origin::kIncomplete}};
constexpr Word<bgp::Source::Kind> kLearned[] = {{"local", bgp::Source::Kind::kLocal},
                                                {"external", bgp::Source::Kind::kExternal},
                                                {"internal", bgp::Source::Kind::kInternal}};
using Number32 = MaybeInteger<0, 4294967295>;

// Repetitions are what it is for.
struct Prepend {
  static void read(Context& context, const Node& node, std::vector<uint32_t>& out) {
    if (!check_list(context, node, 1, bgp::RouteChanges::kMaxPrepend)) return;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const Context::Step step(context, i, *node.items[i]);
      uint32_t asn = 0;
      AsNumber::read(context, *node.items[i], asn);
      if (asn != 0) out.push_back(asn);
    }
  }
  static std::string show(const std::vector<uint32_t>& list) {
    return List<AsNumber, 0, 32>::show(list);
  }
  static Json schema() {
    return {{"type", "array"},
            {"items", AsNumber::schema()},
            {"minItems", 1},
            {"maxItems", bgp::RouteChanges::kMaxPrepend}};
  }
};

// ---- tables of keys

constexpr std::string_view kActionHelp = "Whether a route that this rule matches passes.";

constexpr Key<BgpPrefixRule> kPrefixKeys[] = {
    key<BgpPrefixRule, Choice<kActions>>(
        "action", [](auto& r) -> auto& { return r.permit; }, kActionHelp),
    required_key<BgpPrefixRule, PrefixText>(
        "prefix", [](auto& r) -> auto& { return r.prefix; },
        "Matches this prefix, or with ge or le those within it of such lengths."),
    key<BgpPrefixRule, MaybeInteger<1, 128>>(
        "ge", [](auto& r) -> auto& { return r.ge; },
        "Shortest length that matches; alone: up to a host's."),
    key<BgpPrefixRule, MaybeInteger<0, 128>>(
        "le", [](auto& r) -> auto& { return r.le; },
        "Longest length that matches; alone: from the prefix's own."),
};

constexpr Key<BgpCommunityRule> kCommunityKeys[] = {
    key<BgpCommunityRule, Choice<kActions>>(
        "action", [](auto& r) -> auto& { return r.permit; }, kActionHelp),
    required_key<BgpCommunityRule, List<Community, 1, 32>>(
        "communities", [](auto& r) -> auto& { return r.communities; },
        "All of them have to be there: 65001:100, 65001:*, 65001:1:2, rt:65001:7, no-export."),
};

constexpr Key<BgpAsPathRule> kAsPathKeys[] = {
    key<BgpAsPathRule, Choice<kActions>>(
        "action", [](auto& r) -> auto& { return r.permit; }, kActionHelp),
    required_key<BgpAsPathRule, PathPattern>(
        "path", [](auto& r) -> auto& { return r.pattern; },
        "The whole path: numbers, ranges, ? for one and * for any number of them; \"\" is empty."),
};

constexpr Key<BgpMapEntry> kMapKeys[] = {
    key<BgpMapEntry, Choice<kActions>>(
        "action", [](auto& e) -> auto& { return e.permit; },
        "Whether a route that fulfils all match keys passes; what no entry matches does not."),
    key<BgpMapEntry, Reference>(
        "match-prefix-list", [](auto& e) -> auto& { return e.prefix_list; },
        "The list permits the route's prefix."),
    key<BgpMapEntry, Reference>(
        "match-next-hop-list", [](auto& e) -> auto& { return e.next_hop_list; },
        "The prefix list permits the route's next hop."),
    key<BgpMapEntry, Reference>(
        "match-community-list", [](auto& e) -> auto& { return e.community_list; },
        "The list permits the route's communities."),
    key<BgpMapEntry, Reference>(
        "match-as-path-list", [](auto& e) -> auto& { return e.as_path_list; },
        "The list permits the route's AS path."),
    key<BgpMapEntry, MaybeChoice<kOrigins>>(
        "match-origin", [](auto& e) -> auto& { return e.origin; }, "ORIGIN of the route."),
    key<BgpMapEntry, Number32>(
        "match-med", [](auto& e) -> auto& { return e.med; }, "MULTI_EXIT_DISC of the route."),
    key<BgpMapEntry, Number32>(
        "match-local-pref", [](auto& e) -> auto& { return e.local_pref; },
        "LOCAL_PREF of the route."),
    key<BgpMapEntry, MaybeChoice<kLearned>>(
        "match-learned", [](auto& e) -> auto& { return e.learned; },
        "Where the gateway has the route from: its own, an external or an internal peer."),
    key<BgpMapEntry, Number32>(
        "set-local-pref", [](auto& e) -> auto& { return e.set_local_pref; },
        "Higher is preferred, in the whole AS."),
    key<BgpMapEntry, Number32>(
        "set-med", [](auto& e) -> auto& { return e.set_med; },
        "Tells the neighbouring AS which of several links to prefer: the lower."),
    key<BgpMapEntry, Boolean>(
        "remove-med", [](auto& e) -> auto& { return e.remove_med; }, "The route loses its MED."),
    key<BgpMapEntry, Number32>(
        "set-weight", [](auto& e) -> auto& { return e.set_weight; },
        "Higher is preferred before all else, by this gateway alone."),
    key<BgpMapEntry, MaybeChoice<kOrigins>>(
        "set-origin", [](auto& e) -> auto& { return e.set_origin; }, "Another ORIGIN."),
    key<BgpMapEntry, Address>(
        "set-next-hop", [](auto& e) -> auto& { return e.set_next_hop; },
        "Another next hop, for routes of its family."),
    key<BgpMapEntry, Prepend>(
        "prepend", [](auto& e) -> auto& { return e.prepend; },
        "AS numbers put in front of the path, in the order in which they shall be read."),
    key<BgpMapEntry, Boolean>(
        "remove-all-communities", [](auto& e) -> auto& { return e.remove_all_communities; },
        "Communities of every kind go, before any is added."),
    key<BgpMapEntry, List<Community, 0, 32>>(
        "remove-communities", [](auto& e) -> auto& { return e.remove_communities; },
        "These go; wildcards are allowed."),
    key<BgpMapEntry, List<ExactCommunity, 0, 32>>(
        "add-communities", [](auto& e) -> auto& { return e.add_communities; },
        "These are added: standard, extended and large ones."),
};

}  // namespace

template <>
void finish(Context& context, BgpPrefixRule& rule) {
  const auto made =
      bgp::PrefixRule::make(rule.permit, rule.prefix, rule.ge.value_or(0), rule.le.value_or(0));
  if (!made.ok() || (rule.le && *rule.le < rule.prefix.length))
    context.error_here("has ge " + (rule.ge ? std::to_string(*rule.ge) : "unset") + " and le " +
                       (rule.le ? std::to_string(*rule.le) : "unset") +
                       ", expected length of the prefix <= ge <= le <= " +
                       std::to_string(rule.prefix.address.bits()));
}

template <>
void finish(Context& context, BgpMapEntry& entry) {
  if (entry.set_med && entry.remove_med)
    context.error_at(context.join("remove-med"), "found beside set-med, expected one of the two");
}

void BgpPrefixLists::read(Context& context, const Node& node,
                          std::vector<BgpList<BgpPrefixRule>>& out) {
  Lists<kPrefixKeys, BgpPrefixRule>::read(context, node, out);
}
Json BgpPrefixLists::schema() {
  return Lists<kPrefixKeys, BgpPrefixRule>::schema();
}
void BgpPrefixLists::diff(const std::string& path,
                          const std::vector<BgpList<BgpPrefixRule>>& before,
                          const std::vector<BgpList<BgpPrefixRule>>& after, Changes& changes) {
  Lists<kPrefixKeys, BgpPrefixRule>::diff(path, before, after, changes);
}

void BgpCommunityLists::read(Context& context, const Node& node,
                             std::vector<BgpList<BgpCommunityRule>>& out) {
  Lists<kCommunityKeys, BgpCommunityRule>::read(context, node, out);
}
Json BgpCommunityLists::schema() {
  return Lists<kCommunityKeys, BgpCommunityRule>::schema();
}
void BgpCommunityLists::diff(const std::string& path,
                             const std::vector<BgpList<BgpCommunityRule>>& before,
                             const std::vector<BgpList<BgpCommunityRule>>& after,
                             Changes& changes) {
  Lists<kCommunityKeys, BgpCommunityRule>::diff(path, before, after, changes);
}

void BgpAsPathLists::read(Context& context, const Node& node,
                          std::vector<BgpList<BgpAsPathRule>>& out) {
  Lists<kAsPathKeys, BgpAsPathRule>::read(context, node, out);
}
Json BgpAsPathLists::schema() {
  return Lists<kAsPathKeys, BgpAsPathRule>::schema();
}
void BgpAsPathLists::diff(const std::string& path,
                          const std::vector<BgpList<BgpAsPathRule>>& before,
                          const std::vector<BgpList<BgpAsPathRule>>& after, Changes& changes) {
  Lists<kAsPathKeys, BgpAsPathRule>::diff(path, before, after, changes);
}

void BgpRouteMaps::read(Context& context, const Node& node,
                        std::vector<BgpList<BgpMapEntry>>& out) {
  Lists<kMapKeys, BgpMapEntry>::read(context, node, out);
}
Json BgpRouteMaps::schema() {
  return Lists<kMapKeys, BgpMapEntry>::schema();
}
void BgpRouteMaps::diff(const std::string& path, const std::vector<BgpList<BgpMapEntry>>& before,
                        const std::vector<BgpList<BgpMapEntry>>& after, Changes& changes) {
  Lists<kMapKeys, BgpMapEntry>::diff(path, before, after, changes);
}

}  // namespace kanmon::config
