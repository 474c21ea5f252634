#include "control/watch/capturer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "dataplane/observe/probe.h"

namespace kanmon::watch {
namespace {

using observe::Copy;
using observe::Place;

bool is_inner(Place place) {
  return place == Place::kDecrypted || place == Place::kToEncrypt;
}

pcapng::Direction direction(Place place) {
  const bool is_in = place == Place::kReceived || place == Place::kDecrypted;
  return is_in ? pcapng::Direction::kIn : pcapng::Direction::kOut;
}

Copy head_of(const std::vector<uint8_t>& message) {
  Copy copy;
  std::memcpy(&copy, message.data(), sizeof copy);
  return copy;
}

}  // namespace

// Whole seconds apart from the rest: a product of cycles and nanoseconds would not fit.
uint64_t ClockAnchor::to_ns(uint64_t then) const {
  const bool is_later = then >= tsc;
  const uint64_t apart = is_later ? then - tsc : tsc - then;
  const uint64_t ns = apart / tsc_hz * 1'000'000'000 + apart % tsc_hz * 1'000'000'000 / tsc_hz;
  return is_later ? since_1970_ns + ns : since_1970_ns - ns;
}

Result<uint16_t> Capturer::start(TimePoint now, const CaptureWish& wish, const ClockAnchor& clock) {
  if (wish.packets < 1 || wish.packets > kMostCaptured) return Errc::kBadValue;
  if (wish.snap < 1 || wish.snap > kMostSnap || wish.octets < 1) return Errc::kBadValue;
  observe::SessionSpec spec;
  spec.filter = wish.filter;
  spec.packets = wish.packets;
  spec.capture = observe::CaptureSpec{kRingOctets, wish.snap};
  const Result<uint16_t> number = keeper_.open(now, spec, wish.duration);
  if (!number.ok()) return number;
  number_ = *number;
  wish_ = wish;
  clock_ = clock;
  last_ns_ = clock.since_1970_ns;
  pcapng::begin(waiting_, "Kanmon");
  octets_ = waiting_.size();
  return number;
}

uint32_t Capturer::interface_of(const Copy& copy) {
  const bool is_tunnel = is_inner(copy.place);
  const uint32_t number = is_tunnel ? copy.tunnel : copy.port;
  const auto next = static_cast<uint32_t>(interfaces_.size());
  const auto [at, is_new] = interfaces_.try_emplace({is_tunnel, number}, next);
  if (is_new)
    pcapng::interface(
        waiting_, is_tunnel ? pcapng::Link::kRawIp : pcapng::Link::kEthernet, wish_.snap,
        is_tunnel ? "tunnel:" + names_.tunnel(number) : names_.port(static_cast<uint16_t>(number)));
  return at->second;
}

void Capturer::append(const std::vector<uint8_t>& message) {
  const Copy copy = head_of(message);
  const std::size_t before = waiting_.size();
  pcapng::Packet packet;
  packet.interface = interface_of(copy);
  packet.time_ns = last_ns_ = clock_.to_ns(copy.tsc);
  packet.length = copy.length;
  packet.octets = wire::Bytes(message).subspan(sizeof copy);
  packet.direction = direction(copy.place);
  if (copy.place == Place::kDecrypted) packet.comment = fmt::format("SPI {:08x}", copy.spi);
  pcapng::packet(waiting_, packet);
  octets_ += waiting_.size() - before;
  ++packets_;
}

// Workers' rings come one after the other: what is there now is put in the order of time.
void Capturer::collect() {
  std::vector<std::vector<uint8_t>> messages;
  observe::Session& session = keeper_.session();
  std::size_t room = waiting_.size() < kWaiting ? kWaiting - waiting_.size() : 0;
  for (uint16_t w = 0; w < session.workers(); ++w) {
    std::vector<uint8_t> message;
    while (room != 0 && session.probe(w).tap()->ring().pop(message)) {
      room -= std::min(room, message.size());
      messages.push_back(std::move(message));
    }
  }
  std::stable_sort(messages.begin(), messages.end(),
                   [](const auto& a, const auto& b) { return head_of(a).tsc < head_of(b).tsc; });
  for (const auto& message : messages) {
    // A block has less than 128 octets around its packet.
    is_full_ |= octets_ + message.size() + 128 > wish_.octets;
    if (!is_full_) append(message);
  }
}

// The last blocks: what each interface's packets were too many for is not known apart, so that the
// first one has all.
void Capturer::finish() {
  uint64_t lost = 0;
  observe::Session& session = keeper_.session();
  for (uint16_t w = 0; w < session.workers(); ++w) lost += session.probe(w).tap()->lost();
  if (!interfaces_.empty()) pcapng::statistics(waiting_, 0, last_ns_, lost);
}

void Capturer::forget() {
  keeper_.close();
  number_ = 0;
  is_drained_ = is_full_ = false;
  packets_ = octets_ = 0;
  waiting_ = {};
  interfaces_.clear();
}

void Capturer::poll(TimePoint now) {
  if (number_ == 0) return;
  if (is_drained_) {
    if (keeper_.is_abandoned(now)) forget();
    return;
  }
  const bool is_released = keeper_.is_released();
  collect();
  const observe::Session& session = keeper_.session();
  const bool is_enough = is_full_ || session.taken() == session.spec().packets;
  if (is_enough || keeper_.is_due(now)) keeper_.let_go();
  // A slow reader keeps it open: what is in the rings is still his.
  if (is_released && (waiting_.size() < kWaiting || keeper_.is_abandoned(now))) {
    finish();
    is_drained_ = true;
  }
}

Result<CapturePart> Capturer::read(TimePoint now, uint16_t capture) {
  if (!is_mine(capture)) return Errc::kNotFound;
  keeper_.heard_of(now);
  poll(now);
  CapturePart part;
  part.octets = waiting_.substr(0, kPiece);
  waiting_.erase(0, part.octets.size());
  part.is_over = is_drained_ && waiting_.empty();
  part.packets = packets_;
  observe::Session& session = keeper_.session();
  for (uint16_t w = 0; w < session.workers(); ++w) part.lost += session.probe(w).tap()->lost();
  if (part.is_over) forget();
  return part;
}

Status Capturer::stop(uint16_t capture) {
  if (!is_mine(capture)) return Errc::kNotFound;
  keeper_.let_go();
  return success();
}

}  // namespace kanmon::watch
