#include "control/bgp/export/adj_rib_out.h"

#include <utility>

namespace kanmon::bgp {
namespace {

constexpr std::array kFamilies = {wire::Family::kV4, wire::Family::kV6};

wire::Prefix default_prefix(wire::Family family) {
  wire::Prefix p;
  p.address.family = family;
  return p;
}

}  // namespace

AdjRibOut::AdjRibOut(Rib& rib, Export rules, Options options)
    : rib_(rib), rules_(std::move(rules)), options_(options), consumer_(rib.add_consumer()) {}

AdjRibOut::~AdjRibOut() {
  rib_.remove_consumer(consumer_);
}

AttributeRef& AdjRibOut::slot(NodeId node) {
  if (sent_.size() <= node / kPage) sent_.resize(node / kPage + 1);
  auto& page = sent_[node / kPage];
  if (!page) page = std::make_unique<Page>();
  return (*page)[node % kPage];
}

AttributeRef AdjRibOut::sent(NodeId node) const {
  const size_t page = node / kPage;
  return page < sent_.size() && sent_[page] ? (*sent_[page])[node % kPage] : AttributeRef();
}

Export::Verdict AdjRibOut::judge(NodeId node) {
  const Path* best = rib_.best(node);
  if (best == nullptr) return {};
  return rules_.judge(rib_.prefix(node), *best, rib_.source(best->source));
}

void AdjRibOut::look_at(NodeId node) {
  const wire::Prefix prefix = rib_.prefix(node);
  const size_t family = index(prefix.address.family);
  if (!(family == 0 ? options_.ip4 : options_.ip6)) return;
  const bool ours = family == 0 ? options_.default_originate4 : options_.default_originate6;
  if (ours && prefix.length == 0) return;  // the peer has the one we originate

  AttributeRef now = judge(node).attributes;
  const AttributeRef before = sent(node);
  if (now == before && !(now && refreshing_[family])) return;
  if (now) {
    add(now, prefix);
  } else {
    withdrawn_[family].push_back({prefix});
  }
  advertised_[family] += uint64_t{bool(now)} - uint64_t{bool(before)};
  slot(node) = std::move(now);
}

void AdjRibOut::originate_defaults() {
  defaults_due_ = false;
  for (const auto f : kFamilies) {
    const bool v4 = f == wire::Family::kV4;
    const bool wanted = v4 ? options_.ip4 && options_.default_originate4
                           : options_.ip6 && options_.default_originate6;
    AttributeRef now = wanted ? rules_.default_route(f) : AttributeRef();
    AttributeRef& before = defaults_[index(f)];
    if (now && (now != before || refreshing_[index(f)])) add(now, default_prefix(f));
    if (!now && before) withdrawn_[index(f)].push_back({default_prefix(f)});
    advertised_[index(f)] += uint64_t{bool(now)} - uint64_t{bool(before)};
    before = std::move(now);
  }
}

void AdjRibOut::add(const AttributeRef& attributes, const wire::Prefix& prefix) {
  const auto [at, fresh] = group_of_.try_emplace(attributes.get(), groups_used_);
  if (fresh) {
    if (groups_used_ == groups_.size()) groups_.emplace_back();
    groups_[groups_used_++].attributes = attributes;
  }
  groups_[at->second].prefixes[index(prefix.address.family)].push_back({prefix});
}

// A withdrawn prefix frees room with the peer before an announced one takes it.
void AdjRibOut::flush(UpdateSink& sink) {
  for (const auto f : kFamilies) {
    auto& gone = withdrawn_[index(f)];
    if (!gone.empty()) sink.withdraw(f, gone);
    gone.clear();
  }
  for (size_t i = 0; i < groups_used_; ++i) {
    Group& g = groups_[i];
    for (const auto f : kFamilies) {
      auto& prefixes = g.prefixes[index(f)];
      if (!prefixes.empty()) sink.announce(*g.attributes, f, prefixes);
      prefixes.clear();
    }
    g.attributes = {};
  }
  groups_used_ = 0;
  group_of_.clear();
}

void AdjRibOut::end_walk(UpdateSink& sink) {
  for (const auto f : kFamilies) {
    const size_t i = index(f);
    if (!(i == 0 ? options_.ip4 : options_.ip6)) continue;
    if (std::exchange(first_[i], false)) sink.end_of_rib(f);
    if (std::exchange(refreshing_[i], false)) sink.end_of_refresh(f);
  }
}

bool AdjRibOut::pull(size_t limit, UpdateSink& sink) {
  if (defaults_due_) originate_defaults();
  rib_.take_changes(consumer_, limit, [&](NodeId node) { look_at(node); });
  flush(sink);
  if (rib_.walked(consumer_)) end_walk(sink);
  return waits();
}

bool AdjRibOut::waits() const {
  return defaults_due_ || rib_.has_changes(consumer_);
}

void AdjRibOut::refresh(wire::Family family) {
  refreshing_[index(family)] = true;
  defaults_due_ = true;
  rib_.replay(consumer_);
}

void AdjRibOut::set_rules(Export rules) {
  rules_ = std::move(rules);
  judge_again();
}

void AdjRibOut::judge_again() {
  defaults_due_ = true;
  rib_.replay(consumer_);
}

}  // namespace kanmon::bgp
