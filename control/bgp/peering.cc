#include "control/bgp/peering.h"

#include <algorithm>
#include <utility>

namespace kanmon::bgp {
namespace {

// Seconds of the session's clock, as the RIB keeps the age of routes.
uint32_t seconds_of(TimePoint now) {
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  return static_cast<uint32_t>(since.count());
}

// From the Adj-RIB-Out to octets.
class Outbound : public UpdateSink {
 public:
  Outbound(UpdateWriter& writer, const Peering::Send& send, bool marks_refresh,
           PeeringCounters& counters)
      : writer_(writer), marks_refresh_(marks_refresh), counters_(counters) {
    sink_ = [this, &send](wire::Bytes message) { has_room_ = send(message) && has_room_; };
  }
  void withdraw(wire::Family family, std::span<const Nlri> prefixes) override {
    writer_.withdraw(family, prefixes, sink_);
  }
  // What no message can carry must not stay with the peer as it was before (RFC 8654 section 4).
  void announce(const AttributeSet& set, wire::Family family,
                std::span<const Nlri> prefixes) override {
    if (writer_.announce(set, family, prefixes, sink_)) return;
    counters_.unsendable += prefixes.size();
    writer_.withdraw(family, prefixes, sink_);
  }
  void end_of_rib(wire::Family family) override { writer_.end_of_rib(family, sink_); }
  void end_of_refresh(wire::Family family) override { mark(Refresh::Kind::kEnd, family); }
  void mark(Refresh::Kind kind, wire::Family family) {
    if (marks_refresh_) sink_(encode(Refresh{kind, family}));
  }
  bool has_room() const { return has_room_; }

 private:
  UpdateWriter& writer_;
  bool marks_refresh_;
  PeeringCounters& counters_;
  UpdateWriter::Sink sink_;
  bool has_room_ = true;
};

}  // namespace

Peering::Peering(Rib& rib, AttributeTable& table, PeeringSettings settings)
    : rib_(rib),
      table_(table),
      settings_(std::move(settings)),
      source_(rib.add_source(settings_.source)) {
  for (const auto f : kFamilies) {
    limits_[f] = MaxPrefix(settings_.max_prefix[f]);
    sweep_at_[f] = TimePoint::max();
  }
  import_ = std::make_unique<Import>(table_, settings_.import);
}

Peering::~Peering() {
  out_.reset();
  rib_.remove_source(source_);
}

// What configuration cannot know before the OPEN has come.
void Peering::fill_in(const wire::IpAddress& peer) {
  Source& s = settings_.source;
  s.kind = agreed_.external ? Source::Kind::kExternal : Source::Kind::kInternal;
  s.asn = agreed_.peer_as;
  s.router_id = agreed_.peer_id;
  s.address = peer;
  settings_.import.kind = settings_.exports.kind = s.kind;
  settings_.exports.source = source_;
  settings_.exports.peer = peer;
  settings_.exports.peer_as = agreed_.peer_as;
  settings_.exports.reflector_client = s.reflector_client;
}

Export Peering::make_export() const {
  return Export(table_, settings_.exports);
}

void Peering::up(TimePoint now, const Negotiated& agreed, const wire::IpAddress& peer) {
  agreed_ = agreed;
  fill_in(peer);
  rib_.set_source(source_, settings_.source);
  import_ = std::make_unique<Import>(table_, settings_.import);
  for (const auto f : kFamilies) {
    limits_[f].reset();
    begins_[f] = false;
    // Kept only if the peer says that it went on forwarding (RFC 4724 section 4.2).
    const auto& restart = agreed.peer_restart;
    const bool preserved =
        agreed.family[f] && restart && restart->family[f].listed && restart->family[f].preserved;
    if (!preserved) sweep(f);
    awaits_end_[f] = rib_.counts(source_, f).stale != 0;
    sweep_at_[f] = awaits_end_[f] ? now + settings_.stale_time : TimePoint::max();
  }
  WriteContext context;
  context.external = agreed.external;
  context.as4 = agreed.as4;
  context.path_ids = agreed.sends_path_ids;
  context.longest = agreed.longest_sent;
  writer_ = std::make_unique<UpdateWriter>(context);
  out_ = std::make_unique<AdjRibOut>(
      rib_, make_export(),
      AdjRibOut::Options{agreed.family[kV4], agreed.family[kV6], settings_.default_originate[kV4],
                         settings_.default_originate[kV6]});
}

void Peering::down(TimePoint now, const Down& down) {
  out_.reset();
  for (const auto f : kFamilies) {
    if (awaits_end_[f]) sweep(f);  // stale since the restart before this one
    const auto& restart = agreed_.peer_restart;
    if (down.may_restart && restart && restart->family[f].listed) {
      rib_.mark_stale(source_, f);
      sweep_at_[f] = now + std::chrono::seconds(restart->time);
    } else {
      rib_.withdraw_all(source_, f);
    }
  }
}

void Peering::sweep(wire::Family family) {
  sweep_at_[family] = TimePoint::max();
  awaits_end_[family] = false;
  counters_.swept += rib_.sweep_stale(source_, family);
}

Peering::Limit Peering::update(TimePoint now, Update& update) {
  for (const Nlri& n : update.withdrawn) rib_.withdraw(source_, n);
  apply(now, update.attributes, update.plain);
  apply(now, update.attributes, update.multiprotocol);
  if (update.end_of_rib && awaits_end_[*update.end_of_rib]) sweep(*update.end_of_rib);
  return check_limits();
}

void Peering::apply(TimePoint now, Attributes& attributes, const Update::Reach& reach) {
  if (reach.nlri.empty()) return;
  attributes.next_hop = reach.next_hop;
  attributes.link_local = reach.link_local;
  const AttributeRef received = table_.intern(attributes);
  for (const Nlri& n : reach.nlri) {
    AttributeRef accepted = import_->judge(n.prefix, received).accepted;
    if (!accepted) ++counters_.refused;
    rib_.announce(source_, n, received, std::move(accepted), seconds_of(now));
  }
}

Peering::Limit Peering::check_limits() {
  Limit worst;
  for (const auto f : kFamilies) {
    const auto event = limits_[f].update(rib_.counts(source_, f).received);
    if (event > worst.event) worst = {event, f, limits_[f].closes(event)};
  }
  return worst;
}

void Peering::refresh(TimePoint now, const Refresh& refresh) {
  const wire::Family f = refresh.family;
  if (!agreed_.family[f] || !out_) return;
  switch (refresh.kind) {
    case Refresh::Kind::kRequest:
      begins_[f] = true;
      break;
    case Refresh::Kind::kBegin:
      rib_.mark_stale(source_, f);
      sweep_at_[f] = now + settings_.stale_time;
      break;
    case Refresh::Kind::kEnd:
      sweep(f);
      break;
  }
}

bool Peering::send_some(size_t limit, const Send& send) {
  if (!out_) return false;
  Outbound outbound(*writer_, send, agreed_.enhanced_refresh, counters_);
  for (const auto f : kFamilies) {
    if (!std::exchange(begins_[f], false)) continue;
    outbound.mark(Refresh::Kind::kBegin, f);
    out_->refresh(f);
  }
  const bool more = out_->pull(limit, outbound);
  return more && outbound.has_room();
}

void Peering::tick(TimePoint now) {
  for (const auto f : kFamilies) {
    if (now >= sweep_at_[f]) sweep(f);
  }
}

TimePoint Peering::next_deadline() const {
  return std::min(sweep_at_[kV4], sweep_at_[kV6]);
}

void Peering::set_policies(ImportOptions import, ExportOptions exports) {
  const wire::IpAddress peer = settings_.source.address;
  settings_.import = std::move(import);
  settings_.exports = std::move(exports);
  fill_in(peer);
  import_ = std::make_unique<Import>(table_, settings_.import);
  for (const auto f : kFamilies) {
    rib_.judge_again(source_, f, [&](const wire::Prefix& prefix, const Path& path) {
      return import_->judge(prefix, path.received).accepted;
    });
  }
  if (out_) out_->set_rules(make_export());
}

void Peering::judge_exports_again() {
  if (out_) out_->judge_again();
}

}  // namespace kanmon::bgp
