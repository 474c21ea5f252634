// Next-hop groups: who carries which share, and why another does not.
#include "control/daemon/hop_text.h"
#include "control/daemon/views.h"

namespace kanmon::daemon::views {
namespace {

using api::Json;

// How many buckets lead to each member, as the members are now.
std::vector<uint32_t> shares(const Gateway& g, const fib::Group& group) {
  std::vector<uint32_t> buckets(group.size());
  const auto live = [&](unsigned member) { return g.compiler().is_live(group.member(member).hop); };
  for (unsigned bucket = 0; bucket < group.buckets(); ++bucket) {
    unsigned rank = 0;
    while (rank < group.size() && !live(group.preference(bucket, rank))) ++rank;
    if (rank < group.size()) ++buckets[group.preference(bucket, rank)];
  }
  return buckets;
}

struct MemberState {
  const char* name;
  Json reason;
};

MemberState state_of(const Gateway& g, const fib::GroupMember& m, uint32_t buckets,
                     const HopText& hop) {
  if (!g.compiler().is_live(m.hop)) return {"down", hop.down};
  if (buckets != 0) return {"active", nullptr};
  return {"standby", "weight 0: carries while no next hop with a weight is up"};
}

void add_members(const Gateway& g, const Json& about, const fib::Group& group, Json& rows) {
  const std::vector<uint32_t> buckets = shares(g, group);
  for (unsigned i = 0; i < group.size(); ++i) {
    const HopText hop = describe(g, group.member(i).hop);
    const MemberState state = state_of(g, group.member(i), buckets[i], hop);
    const auto tally = group.tally(i);
    Json row = about;
    row.update({{"kind", hop.kind},
                {"next_hop", hop.next_hop},
                {"weight", group.member(i).weight},
                {"share_percent", 100.0 * buckets[i] / group.buckets()},
                {"state", state.name},
                {"packets", tally.packets},
                {"bytes", tally.bytes},
                {"buckets", group.buckets()},
                {"reason", state.reason}});
    rows.push_back(std::move(row));
  }
}

}  // namespace

// One row per member.
Json groups(const Gateway& g) {
  Json rows = Json::array();
  for (const auto& [number, use] : g.compiler().groups()) {
    const fib::Group* group = g.groups().find(number);
    if (group == nullptr) continue;
    const std::string& source = use.source->name;
    const Json about = {{"group", number},
                        {"table", g.table_name(use.table)},
                        {"origin", routing::to_string(use.source->origin)},
                        {"source", source.empty() ? Json() : Json(source)},
                        {"routes", use.routes}};
    add_members(g, about, *group, rows);
  }
  return {{"groups", rows}};
}

}  // namespace kanmon::daemon::views
