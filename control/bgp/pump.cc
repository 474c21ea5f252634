#include "control/bgp/pump.h"

namespace kanmon::bgp {

void Pump::feed(wire::Bytes octets) {
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(in_at_));
  in_at_ = 0;
  in_.insert(in_.end(), octets.begin(), octets.end());
}

Verdict Pump::next(std::size_t longest, std::optional<Frame>& out) {
  out.reset();
  Frame frame;
  const wire::Bytes left = wire::Bytes(in_).subspan(in_at_);
  if (Verdict v = next_message(left, longest, frame)) return v;
  if (frame.size == 0) return std::nullopt;
  in_at_ += frame.size;
  out = frame;
  return std::nullopt;
}

void Pump::send(TimePoint now, wire::Bytes message) {
  if (queued() == 0) {
    last_progress_ = now;
    message = message.subspan(stream_->write(message));
  }
  out_.insert(out_.end(), message.begin(), message.end());
}

void Pump::flush(TimePoint now) {
  const std::size_t taken = stream_->write(wire::Bytes(out_).subspan(out_at_));
  if (taken == 0) return;
  last_progress_ = now;
  out_at_ += taken;
  // The front is given back when it is the larger part, so that no octet moves twice on average.
  if (out_at_ * 2 < out_.size()) return;
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_at_));
  out_at_ = 0;
}

}  // namespace kanmon::bgp
