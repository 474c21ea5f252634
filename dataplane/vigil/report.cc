#include "dataplane/vigil/report.h"

namespace kanmon::vigil {
namespace {

void write_bfd(const Check& check, Report& r) {
  const bfd::Session& s = *check.session;
  r.sent.set(s.counters().sent);
  r.good.set(s.counters().received);
  r.state.set(static_cast<uint64_t>(s.state()));
  r.diag.set(static_cast<uint64_t>(s.diag()));
  r.remote_state.set(static_cast<uint64_t>(s.remote_state()));
  r.remote_diag.set(static_cast<uint64_t>(s.remote_diag()));
  r.remote_discriminator.set(s.remote_discriminator());
  r.tx_interval_us.set(s.tx_interval_us());
  r.detection_us.set(s.detection_time_us());
  r.since_us.set(s.since_us());
  r.asymmetric.set(check.asymmetric);
}

void write_echo(const Check& check, Report& r) {
  const liveness::EchoProbe& p = *check.probe;
  r.sent.set(p.counters().sent);
  r.good.set(p.counters().good);
  r.lost.set(p.counters().lost);
  r.late.set(p.counters().late);
  r.refused.set(p.counters().refused);
  r.asymmetric.set(p.counters().asymmetric);
  r.round_trip_us.set(p.round_trip_us());
  r.recent.set(check.recent);
}

}  // namespace

void write_report(Check& check, uint64_t now_us) {
  Report& r = check.report;
  check.session ? write_bfd(check, r) : write_echo(check, r);
  r.undecided.set(check.undecided);
  r.why.set(static_cast<uint64_t>(check.verdict.why()));
  r.times_down.set(check.verdict.times_down());
  r.penalty.set(check.verdict.penalty(now_us));
  r.is_asymmetric.set(check.is_asymmetric);
  r.other_tunnel.set(check.other_tunnel);
  r.down.set(check.down);
}

}  // namespace kanmon::vigil
