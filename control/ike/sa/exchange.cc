#include "control/ike/sa/exchange.h"

#include <algorithm>
#include <cassert>

#include "control/ike/sa/schedule.h"

namespace kanmon::ike {

Exchange::Arrival Exchange::classify(uint32_t id, wire::Bytes datagram) const {
  if (id == expected_) return Arrival::kNew;
  if (expected_ == 0 || id != expected_ - 1) return Arrival::kOutside;
  // Only who has seen the request gets the response again: a header alone is no key to it.
  if (!std::ranges::equal(datagram, last_request_)) return Arrival::kOutside;
  return response_.empty() ? Arrival::kWaiting : Arrival::kRepeat;
}

void Exchange::accept(wire::Bytes first) {
  last_request_.assign(first.begin(), first.end());
  fragment_.clear();
  response_.clear();
  ++expected_;
}

void Exchange::sent(TimePoint now, Datagrams request, const RetransmitPolicy& policy) {
  assert(!in_flight_);
  in_flight_ = true;
  ++next_;
  tries_ = 1;
  policy_ = policy;
  request_ = std::move(request);
  give_up_at_ = now;
  for (uint32_t n = 1; n <= policy_.tries; ++n)
    give_up_at_ += retransmit_delay(policy_.first, n, policy_.cap);
  schedule(now, 1);
}

void Exchange::resent(TimePoint now, Datagrams request) {
  assert(in_flight_);
  request_ = std::move(request);
  ++tries_;
  schedule(now, 1);
}

void Exchange::schedule(TimePoint now, uint32_t n) {
  last_at_ = now;
  next_at_ = std::min(give_up_at_, now + retransmit_delay(policy_.first, n, policy_.cap));
}

void Exchange::hurry(TimePoint now, Duration cap) {
  policy_.cap = std::min(policy_.cap, cap);
  policy_.first = std::min(policy_.first, cap);
  next_at_ = std::max(now, std::min(next_at_, last_at_ + cap));
}

void Exchange::limit(TimePoint when) {
  give_up_at_ = std::min(give_up_at_, when);
  next_at_ = std::min(next_at_, give_up_at_);
}

Exchange::Due Exchange::due(TimePoint now) {
  if (!in_flight_ || now < next_at_) return Due::kNothing;
  if (now >= give_up_at_) return Due::kGiveUp;
  ++tries_;
  schedule(now, tries_);
  return Due::kRepeat;
}

}  // namespace kanmon::ike
