#include "control/bgp/rib/rib.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace kanmon::bgp {

Rib::Rib(DecisionOptions options, uint64_t seed) : decision_(options), nodes_(seed) {}
Rib::~Rib() = default;

// -- sources --------------------------------------------------------------------------------------

SourceId Rib::add_source(const Source& source) {
  const auto unused =
      std::find_if(sources_.begin(), sources_.end(), [](const SourceState& s) { return !s.used; });
  const auto id = static_cast<SourceId>(unused - sources_.begin());
  if (unused == sources_.end()) sources_.emplace_back();
  sources_[id] = SourceState();
  sources_[id].source = source;
  sources_[id].used = true;
  return id;
}

void Rib::set_source(SourceId id, const Source& source) {
  sources_[id].source = source;
  for (const auto family : {wire::Family::kV4, wire::Family::kV6}) {
    for_each_of(id, family,
                [&](uint32_t path) { decide(node_of(path), is_selected(paths_[path].standing)); });
  }
}

void Rib::remove_source(SourceId id) {
  withdraw_all(id, wire::Family::kV4);
  withdraw_all(id, wire::Family::kV6);
  sources_[id].used = false;
}

const SourceCounts& Rib::counts(SourceId id, wire::Family family) const {
  return sources_[id].families[index(family)].counts;
}

template <class F>
void Rib::for_each_of(SourceId id, wire::Family family, F&& f) {
  for (uint32_t p = sources_[id].families[index(family)].first; p != kNoId;) {
    const uint32_t next = paths_[p].source_next;  // `f` may remove the path
    f(p);
    p = next;
  }
}

// -- paths ----------------------------------------------------------------------------------------

Rib::PerFamily& Rib::per_family(const Path& path, NodeId node) {
  return sources_[path.source].families[index(nodes_.family(node))];
}

NodeId Rib::node_of(uint32_t path) const {
  uint32_t next = paths_[path].next;
  while (!names_node(next)) next = paths_[next].next;
  return next & ~kNodeBit;
}

uint32_t Rib::find_path(NodeId node, SourceId source, uint32_t path_id) const {
  for (uint32_t p = nodes_[node].paths; p != kNoId && !names_node(p); p = paths_[p].next) {
    if (paths_[p].source == source && paths_[p].path_id == path_id) return p;
  }
  return kNoId;
}

uint32_t Rib::add_path(NodeId node, SourceId source, uint32_t path_id) {
  const uint32_t id = paths_.take();
  Path& path = paths_[id];
  path.source = source;
  path.path_id = path_id;
  path.next = nodes_[node].paths == kNoId ? node | kNodeBit : nodes_[node].paths;
  nodes_[node].paths = id;
  PerFamily& family = per_family(path, node);
  path.source_next = family.first;
  if (family.first != kNoId) paths_[family.first].source_previous = id;
  family.first = id;
  ++family.counts.received;
  return id;
}

void Rib::remove_path(NodeId node, uint32_t id) {
  Path& path = paths_[id];
  const bool selected = matters(path.standing);
  PerFamily& family = per_family(path, node);
  set_stale(path, family, false);
  set_accepted(path, family, {});
  --family.counts.received;
  (path.source_previous == kNoId ? family.first : paths_[path.source_previous].source_next) =
      path.source_next;
  if (path.source_next != kNoId) paths_[path.source_next].source_previous = path.source_previous;

  uint32_t* link = &nodes_[node].paths;
  while (*link != id) link = &paths_[*link].next;
  *link = path.next;
  if (names_node(nodes_[node].paths)) nodes_[node].paths = kNoId;
  paths_.give(id);
  decide(node, selected);
  free_if_unused(node);
}

void Rib::set_stale(Path& path, PerFamily& family, bool stale) {
  if (path.stale == stale) return;
  path.stale = stale;
  family.counts.stale += stale ? 1 : uint64_t(-1);
}

void Rib::set_accepted(Path& path, PerFamily& family, AttributeRef accepted) {
  family.counts.accepted += uint64_t{bool(accepted)} - uint64_t{bool(path.accepted)};
  path.accepted = std::move(accepted);
}

void Rib::free_if_unused(NodeId node) {
  if (nodes_.exists(node) && nodes_[node].paths == kNoId && !nodes_[node].queued)
    nodes_.erase(node);
}

// -- Adj-RIB-In -----------------------------------------------------------------------------------

void Rib::announce(SourceId id, const Nlri& nlri, AttributeRef received, AttributeRef accepted,
                   uint32_t now_s) {
  assert(received);
  const NodeId node = nodes_.find_or_add(nlri.prefix);
  assert(node < kNodeBit);
  uint32_t at = find_path(node, id, nlri.path_id);
  if (at == kNoId) at = add_path(node, id, nlri.path_id);
  Path& path = paths_[at];
  PerFamily& family = per_family(path, node);
  set_stale(path, family, false);
  if (path.received == received && path.accepted == accepted) return;
  path.since_s = now_s;
  path.received = std::move(received);
  if (path.accepted == accepted) return;
  set_accepted(path, family, std::move(accepted));
  decide(node, matters(path.standing));
}

bool Rib::withdraw(SourceId id, const Nlri& nlri) {
  const NodeId node = nodes_.find(nlri.prefix);
  const uint32_t at = node == kNoId ? kNoId : find_path(node, id, nlri.path_id);
  if (at == kNoId) return false;
  remove_path(node, at);
  return true;
}

void Rib::withdraw_all(SourceId id, wire::Family family) {
  for_each_of(id, family, [&](uint32_t path) { remove_path(node_of(path), path); });
}

void Rib::mark_stale(SourceId id, wire::Family family) {
  PerFamily& of = sources_[id].families[index(family)];
  for_each_of(id, family, [&](uint32_t path) { set_stale(paths_[path], of, true); });
}

uint64_t Rib::sweep_stale(SourceId id, wire::Family family) {
  const uint64_t stale = counts(id, family).stale;
  if (stale == 0) return 0;
  for_each_of(id, family, [&](uint32_t path) {
    if (paths_[path].stale) remove_path(node_of(path), path);
  });
  return stale;
}

void Rib::judge_again(SourceId id, wire::Family family, const Judge& judge) {
  PerFamily& of = sources_[id].families[index(family)];
  for_each_of(id, family, [&](uint32_t at) {
    Path& path = paths_[at];
    const NodeId node = node_of(at);
    AttributeRef accepted = judge(nodes_.prefix(node), path);
    if (accepted == path.accepted) return;
    set_accepted(path, of, std::move(accepted));
    decide(node, matters(path.standing));
  });
}

// -- Loc-RIB --------------------------------------------------------------------------------------

const Path* Rib::best(NodeId id) const {
  const Path* found = nullptr;
  for_each_path(id, [&](const Path& path) {
    if (path.standing == Standing::kBest) found = &path;
  });
  return found;
}

void Rib::set_options(DecisionOptions options) {
  decision_ = Decision(options);
  for_each([&](NodeId id) { decide(id, false); });
}

void Rib::decide(NodeId node, bool touched) {
  // Most prefixes of most tables have one path: nothing to compare.
  const uint32_t first = nodes_[node].paths;
  if (first != kNoId && names_node(paths_[first].next)) {
    Path& path = paths_[first];
    const Standing now = path.accepted ? Standing::kBest : Standing::kRefused;
    if (touched || now != path.standing) queue_.push(node, nodes_);
    path.standing = now;
    return;
  }
  contenders_.clear();
  candidates_.clear();
  for (uint32_t p = nodes_[node].paths; p != kNoId && !names_node(p); p = paths_[p].next) {
    Path& path = paths_[p];
    if (!path.accepted) {
      path.standing = Standing::kRefused;
      continue;
    }
    candidates_.push_back(p);
    contenders_.push_back(
        {path.accepted.get(), &sources_[path.source].source, path.source, path.path_id});
  }
  standings_.resize(contenders_.size());
  decision_.decide(contenders_, standings_);
  for (size_t i = 0; i < candidates_.size(); ++i) {
    Standing& standing = paths_[candidates_[i]].standing;
    touched |= standing != standings_[i] && (matters(standing) || matters(standings_[i]));
    standing = standings_[i];
  }
  if (touched) queue_.push(node, nodes_);
}

// -- changes --------------------------------------------------------------------------------------

ConsumerId Rib::add_consumer() {
  return queue_.add(nodes_);
}

void Rib::remove_consumer(ConsumerId id) {
  dropped_.clear();
  queue_.remove(id, nodes_, dropped_);
  for (NodeId node : dropped_) free_if_unused(node);
}

size_t Rib::take_changes(ConsumerId id, size_t limit, const Changed& f) {
  size_t taken = 0;
  for (; taken < limit; ++taken) {
    dropped_.clear();
    const NodeId node = queue_.take(id, nodes_, dropped_);
    if (node == kNoId) break;
    f(node);
    for (NodeId gone : dropped_) free_if_unused(gone);
  }
  return taken;
}

}  // namespace kanmon::bgp
