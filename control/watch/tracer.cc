#include "control/watch/tracer.h"

#include <iterator>
#include <utility>

#include "dataplane/observe/probe.h"

namespace kanmon::watch {

Result<uint16_t> Tracer::start(TimePoint now, const TraceWish& wish) {
  if (wish.packets < 1 || wish.packets > kMostPackets) return Errc::kBadValue;
  observe::SessionSpec spec;
  spec.filter = wish.filter;
  spec.packets = wish.packets;
  const Result<uint16_t> number = keeper_.open(now, spec, wish.duration);
  if (number.ok()) number_ = *number;
  return number;
}

void Tracer::collect(TimePoint now) {
  observe::Session& session = keeper_.session();
  for (uint16_t w = 0; w < session.workers(); ++w) {
    auto& ring = session.probe(w).records();
    // Not more than was there when we came: workers may tell faster than we listen.
    observe::Record record;
    for (uint32_t n = ring.size(); n != 0 && ring.pop(record); --n) stories_.add(now, record);
  }
}

void Tracer::forget() {
  keeper_.close();
  number_ = 0;
  is_drained_ = false;
  stories_ = {};
  finished_.clear();
}

void Tracer::poll(TimePoint now) {
  if (number_ == 0) return;
  if (is_drained_) {
    if (keeper_.is_abandoned(now)) forget();
    return;
  }
  const bool is_released = keeper_.is_released();  // asked before the last look into the rings
  collect(now);
  auto ended = stories_.take_finished(now, is_released);
  std::move(ended.begin(), ended.end(), std::back_inserter(finished_));
  is_drained_ = is_released;
  const observe::Session& session = keeper_.session();
  const bool is_full = session.taken() == session.spec().packets && stories_.empty();
  if (is_full || keeper_.is_due(now)) keeper_.let_go();
}

Result<TracePart> Tracer::read(TimePoint now, uint16_t trace) {
  if (!is_mine(trace)) return Errc::kNotFound;
  keeper_.heard_of(now);
  poll(now);
  observe::Session& session = keeper_.session();
  TracePart part;
  part.stories = std::exchange(finished_, {});
  part.is_over = is_drained_;
  part.followed = session.taken();
  for (uint16_t w = 0; w < session.workers(); ++w) part.lost += session.probe(w).lost();
  if (part.is_over) forget();
  return part;
}

Status Tracer::stop(uint16_t trace) {
  if (!is_mine(trace)) return Errc::kNotFound;
  keeper_.let_go();
  return success();
}

}  // namespace kanmon::watch
