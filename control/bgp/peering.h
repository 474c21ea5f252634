// The routes of one neighbour: between its Session and the RIB of its route table. What comes in
// passes the import policy; what goes out is pulled as the session has room; restarts and refreshes
// keep and sweep routes. RFC 4271 section 9, RFC 4724 section 4.2, RFC 2918, RFC 7313, RFC 4486.
//
// Pure like both sides: time comes with each call, messages leave through a function. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "control/bgp/export/adj_rib_out.h"
#include "control/bgp/negotiate.h"
#include "control/bgp/policy/import.h"
#include "control/bgp/policy/max_prefix.h"
#include "control/bgp/rib/rib.h"
#include "control/bgp/session.h"
#include "control/bgp/wire/update_writer.h"

namespace kanmon::bgp {

// What is configured. What only a session knows (kinds, peer's number and address, whose source it
// is) is filled in by Peering.
struct PeeringSettings {
  Source source;
  ImportOptions import;
  ExportOptions exports;
  PerFamily<MaxPrefixOptions> max_prefix;
  PerFamily<bool> default_originate;  // off unless named (S2)
  // How long a peer that came back may take to send its routes before the stale ones go.
  std::chrono::seconds stale_time{360};
};

struct PeeringCounters {
  uint64_t refused = 0;     // announcements that a rule or the policy did not let in
  uint64_t swept = 0;       // stale routes that were not announced again
  uint64_t unsendable = 0;  // prefixes whose attributes fit no message; withdrawn instead
};

class Peering {
 public:
  // `rib` and `table` outlive it. Everything it brought goes with it.
  Peering(Rib& rib, AttributeTable& table, PeeringSettings settings);
  ~Peering();
  Peering(const Peering&) = delete;
  Peering& operator=(const Peering&) = delete;

  // -- from the session ---------------------------------------------------------------------
  // Established with the neighbour at `peer`.
  void up(TimePoint now, const Negotiated& agreed, const wire::IpAddress& peer);
  void down(TimePoint now, const Down& down);
  // What a limit of prefixes has to say after an update: once per crossing.
  struct Limit {
    MaxPrefix::Event event = MaxPrefix::Event::kQuiet;
    wire::Family family = wire::Family::kV4;
    bool closes = false;  // the session has to end with Cease::kMaxPrefixes
  };
  // REQUIRES: up.
  Limit update(TimePoint now, Update& update);
  void refresh(TimePoint now, const Refresh& refresh);

  // -- to the session -----------------------------------------------------------------------
  // Session::send: takes a whole message; false: no more until it is writable again.
  using Send = std::function<bool(wire::Bytes message)>;
  // Sends what up to `limit` changed prefixes make. True: more waits, and the session takes it.
  bool send_some(size_t limit, const Send& send);
  // True if there is something to send.
  bool has_to_send() const { return out_ && (out_->waits() || begins_[kV4] || begins_[kV6]); }

  // -- time ---------------------------------------------------------------------------------
  void tick(TimePoint now);
  TimePoint next_deadline() const;  // TimePoint::max(): never

  // -- operator -----------------------------------------------------------------------------
  // Another policy, or draining begins or ends: routes are judged again, and only what differs
  // acts.
  void set_policies(ImportOptions import, ExportOptions exports);
  // Conditions or summaries behind ExportOptions::suppressed changed.
  void judge_exports_again();

  SourceId source() const { return source_; }
  bool is_up() const { return out_ != nullptr; }
  const PeeringCounters& counters() const { return counters_; }
  const AdjRibOut* out() const { return out_.get(); }  // null while the session is down
  // What the import rules say to a path of this peer.
  Import::Verdict judge(const wire::Prefix& prefix, const Path& path) {
    return import_->judge(prefix, path.received);
  }

 private:
  static constexpr auto kV4 = wire::Family::kV4, kV6 = wire::Family::kV6;
  static constexpr std::array kFamilies = {kV4, kV6};

  void fill_in(const wire::IpAddress& peer);
  Export make_export() const;
  void apply(TimePoint now, Attributes& attributes, const Update::Reach& reach);
  void sweep(wire::Family family);
  Limit check_limits();

  Rib& rib_;
  AttributeTable& table_;
  PeeringSettings settings_;
  SourceId source_;
  std::unique_ptr<Import> import_;
  std::unique_ptr<AdjRibOut> out_;
  std::unique_ptr<UpdateWriter> writer_;
  Negotiated agreed_;  // of the session that is up, or was last
  PerFamily<MaxPrefix> limits_;
  PerFamily<TimePoint> sweep_at_;  // max(): no stale routes are waited for
  PerFamily<bool> awaits_end_;     // a restarted peer has not sent End-of-RIB
  PerFamily<bool> begins_;         // an answer to a refresh is to begin
  PeeringCounters counters_;
};

}  // namespace kanmon::bgp
