#include "dataplane/vigil/watch.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/packet/pool.h"
#include "dataplane/rings/messages.h"
#include "dataplane/vigil/report.h"
#include "dataplane/wire/headers.h"

namespace kanmon::vigil {
namespace {

constexpr uint64_t kNever = Agenda::kNever;
constexpr uint32_t kYourDiscriminator = 8;  // its offset in a control packet (RFC 5880 4.1)
constexpr uint32_t kEchoIdentifier = 4;     // its offset in an echo message (RFC 792)
constexpr uint32_t kEchoHeader = 8;

}  // namespace

Watch::Watch(uint16_t worker, uint16_t workers, uint64_t tsc_hz, Liveness* liveness)
    : worker_(worker),
      workers_(workers),
      clock_(tsc_hz),
      liveness_(liveness),
      slots_(std::make_unique<Check*[]>(kSlots)),
      heads_(std::make_unique<uint16_t[]>(kHeads)),
      next_(std::make_unique<uint16_t[]>(kSlots)) {
  std::fill_n(heads_.get(), kHeads, kEnd);
}

uint16_t Watch::owner_of(const Check& check) const {
  const uint32_t tunnel = check.settings.path.tunnel;
  return static_cast<uint16_t>((tunnel != kNoTunnel ? tunnel : check.slot) % workers_);
}

// ---- commands

void Watch::set(Context& context, uint32_t slot, Check* check) {
  assert(slot < kSlots && (check == nullptr || check->slot == slot));
  if (Check* old = slots_[slot]; old != nullptr) {
    slots_[slot] = nullptr;
    if (old->session) unlink(*old);
    if (is_mine(*old)) say_goodbye(context, *old);
  }
  if (check == nullptr) return;
  slots_[slot] = check;
  if (check->session) link(*check);
  if (!is_mine(*check)) return;
  const uint64_t now = clock_.us(context.now_tsc);
  check->started_us = check->heard_us = now;
  settle(context, *check, now);
}

void Watch::say_goodbye(Context& context, Check& check) {
  const uint64_t now = clock_.us(context.now_tsc);
  if (check.session) {
    check.session->set_admin_down(now, true);
    send_bfd(context, check, now);
  }
  agenda_.set(check.slot, kNever);
  remember_due();
  if (liveness_ != nullptr && check.settings.path.tunnel != kNoTunnel)
    liveness_->mark(check.settings.path.tunnel, false, liveness_bit(check.settings.kind));
}

void Watch::change(Context& context, uint32_t slot, const bfd::Policy& policy) {
  assert(slot < kSlots);
  Check* check = slots_[slot];
  if (check == nullptr || !check->session || !is_mine(*check)) return;
  const uint64_t now = clock_.us(context.now_tsc);
  check->session->change(now, policy);
  settle(context, *check, now);
}

// ---- which check

uint32_t Watch::head_of(uint16_t table, const wire::IpAddress& remote) {
  uint64_t a, b;
  std::memcpy(&a, remote.octets.data(), sizeof a);
  std::memcpy(&b, remote.octets.data() + sizeof a, sizeof b);
  const uint64_t mixed = (a ^ b * 0x9e3779b97f4a7c15u ^ table) * 0xbf58476d1ce4e5b9u;
  return static_cast<uint32_t>(mixed >> 32) % kHeads;
}

void Watch::link(const Check& check) {
  uint16_t& head = heads_[head_of(check.settings.path.table, check.settings.path.remote)];
  next_[check.slot] = head;
  head = static_cast<uint16_t>(check.slot);
}

void Watch::unlink(const Check& check) {
  uint16_t* at = &heads_[head_of(check.settings.path.table, check.settings.path.remote)];
  while (*at != kEnd && *at != check.slot) at = &next_[*at];
  if (*at != kEnd) *at = next_[check.slot];
}

Check* Watch::find(uint16_t table, const Arrived& arrived) const {
  const wire::IpAddress remote = arrived.source(), local = arrived.destination();
  for (uint16_t at = heads_[head_of(table, remote)]; at != kEnd; at = next_[at]) {
    const Settings& s = slots_[at]->settings;
    if (s.path.table == table && s.path.remote == remote && s.path.local == local &&
        s.multihop == arrived.multihop)
      return slots_[at];
  }
  return nullptr;
}

// By our discriminator if the packet has it, else by its addresses (RFC 5880 section 6.8.6). Who
// has the discriminator must have the addresses too.
Check* Watch::session_of(const Packet* p, const Arrived& arrived) const {
  Check* by_address = find(meta(p).table, arrived);
  if (by_address == nullptr || arrived.payload().size() < kYourDiscriminator + 4) return by_address;
  const uint32_t yours = load_be<uint32_t>(&arrived.payload()[kYourDiscriminator]);
  Check* named = slots_[yours % kSlots];
  if (yours == 0 || named == nullptr || !named->session || named->discriminator != yours)
    return by_address;
  const Settings& a = named->settings;
  const Settings& b = by_address->settings;
  const bool fits = a.path.table == b.path.table && a.path.remote == b.path.remote &&
                    a.path.local == b.path.local && a.multihop == b.multihop;
  return fits ? named : by_address;
}

void Watch::hand_over(Context& context, Packet* p, const Check& check) {
  PacketVector& lane = context.lanes->handoff[owner_of(check)];
  if (lane.full()) return context.drop(p, Drop::kHandoffFull);
  meta(p).errand = Errand::kLocal;
  lane.push(p);
}

bool Watch::came_by(const Packet* p, const Check& check) const {
  return meta(p).tunnel_in == check.settings.path.tunnel;
}

// ---- the turn

uint32_t Watch::serve_due(Context& context) {
  const uint64_t now = clock_.us(context.now_tsc);
  uint32_t sent = 0;
  for (uint32_t n = 0; n < kPerTurn && !agenda_.empty() && agenda_.first_due() <= now; ++n) {
    Check& check = *slots_[agenda_.first()];
    sent += serve(context, check, now);
    settle(context, check, now);
  }
  remember_due();
  return sent;
}

void Watch::remember_due() {
  next_tsc_ = agenda_.empty() ? ~uint64_t{0} : clock_.tsc(agenda_.first_due());
}

bool Watch::serve(Context& context, Check& check, uint64_t now_us) {
  if (check.session) {
    check.session->expire(now_us);
    return send_bfd(context, check, now_us);
  }
  if (check.probe->expire(now_us)) lost(check, now_us);
  uint8_t room[liveness::EchoProbe::kMostBytes];
  const uint32_t octets = check.probe->transmit(now_us, room);
  return octets != 0 && send(context, check, {room, octets});
}

bool Watch::send_bfd(Context& context, Check& check, uint64_t now_us) {
  uint8_t room[kMostDatagram];
  const uint32_t before = headers_of(check.settings.path);
  const uint32_t octets = check.session->transmit(now_us, wire::MutableBytes(room).subspan(before));
  if (octets == 0) return false;
  write_headers(check, {room, before + octets});
  return send(context, check, {room, before + octets});
}

// Into the tunnel, or where the table's routes lead; not at all while the tunnel has no SA: to be
// counted as a drop once a probe would only hide what is dropped of others.
bool Watch::send(Context& context, Check& check, wire::Bytes packet) {
  const Path& path = check.settings.path;
  const bool tunneled = path.tunnel != kNoTunnel;
  PacketVector& lane = tunneled ? context.lanes->encrypt : context.lanes->route;
  const bool ready = !tunneled || (path.tunnel < context.tables->capacity.tunnels &&
                                   context.tables->tunnels[path.tunnel].sa != nullptr);
  Packet* p = ready && !lane.full() ? allocate(context.pool, path.table) : nullptr;
  if (p == nullptr) {
    check.report.unsent.add(1);
    return false;
  }
  std::memcpy(append(p, static_cast<uint16_t>(packet.size())), packet.data(), packet.size());
  if (tunneled) meta(p).next_hop = fib::NextHop::make(fib::NextHopKind::kTunnel, path.tunnel);
  meta(p).from_control = 1;
  context.counters->generated.add(1);
  lane.push(p);
  return true;
}

// ---- what is heard

bool Watch::take_bfd(Context& context, Packet* p, const Arrived& arrived) {
  if (arrived.udp.size() < wire::kUdpHeader) return false;
  Check* check = session_of(p, arrived);
  if (check == nullptr) return false;
  if (!is_mine(*check)) {
    hand_over(context, p, *check);
    return true;
  }
  const uint64_t now = clock_.us(context.now_tsc);
  const Drop end =
      arrived.well_formed() ? hear_bfd(*check, p, arrived, now) : Drop::kUdpBadChecksum;
  settle(context, *check, now);
  context.drop(p, end);
  return true;
}

Drop Watch::hear_bfd(Check& check, const Packet* p, const Arrived& arrived, uint64_t now_us) {
  if (!came_by(p, check)) {
    ++check.asymmetric;
    check.is_asymmetric = true;
    check.other_tunnel = meta(p).tunnel_in;
    return Drop::kAsymmetric;
  }
  bfd::Refusal why = bfd::Refusal::kNone;
  if (!check.settings.multihop && arrived.ttl() != bfd::kSentTtl)
    why = bfd::Refusal::kTtl;
  else if (arrived.source_port() < bfd::kFirstSourcePort)
    why = bfd::Refusal::kSourcePort;
  else
    why = check.session->receive(now_us, arrived.payload());
  if (why != bfd::Refusal::kNone) {
    check.report.refusals[static_cast<std::size_t>(why)].add(1);
    check.report.refused.add(1);
    return Drop::kBfdRefused;
  }
  check.heard_us = now_us;
  check.is_asymmetric = false;
  // RFC 5882 section 3.2: a far end that was shut by its operator says nothing of the path.
  const bool shut = check.session->remote_state() == bfd::State::kAdminDown;
  if (shut != check.excused) {
    check.excused = shut;
    check.undecided = true;
    check.started_us = now_us;
  }
  return Drop::kBfd;
}

bool Watch::take_echo_reply(Context& context, Packet* p, wire::Bytes icmp) {
  if (icmp.size() < kEchoHeader) return false;
  const auto identifier = load_be<uint16_t>(&icmp[kEchoIdentifier]);
  Check* check = slots_[identifier % kSlots];
  if (check == nullptr || !check->probe || check->identifier != identifier ||
      check->settings.path.table != meta(p).table)
    return false;
  if (!is_mine(*check)) {
    hand_over(context, p, *check);
    return true;
  }
  const uint64_t now = clock_.us(context.now_tsc);
  const Drop end = hear_echo(*check, p, now);
  if (end == Drop::kNone) return false;
  settle(context, *check, now);
  context.drop(p, end);
  return true;
}

// kNone: it is none of ours; the machine's own stack pings too.
Drop Watch::hear_echo(Check& check, const Packet* p, uint64_t now_us) {
  const liveness::Answer answer = check.probe->receive(now_us, bytes(p), meta(p).tunnel_in);
  switch (answer) {
    case liveness::Answer::kGood:
      answered(check, now_us);
      return Drop::kProbeAnswer;
    case liveness::Answer::kAsymmetric:
      check.is_asymmetric = true;
      check.other_tunnel = check.probe->other_tunnel();
      return Drop::kAsymmetric;
    case liveness::Answer::kNotOurs:
      return Drop::kNone;
    case liveness::Answer::kLate:
    case liveness::Answer::kDuplicate:
    case liveness::Answer::kMalformed:
      break;
  }
  return Drop::kProbeRefused;
}

void Watch::answered(Check& check, uint64_t now_us) {
  check.heard_us = now_us;
  check.early_losses = 0;
  check.recent <<= 1;
  check.is_asymmetric = false;
  const uint64_t rtt = check.probe->round_trip_us();
  const uint64_t smooth = check.report.smoothed_round_trip_us.get();
  check.report.smoothed_round_trip_us.set(smooth == 0 ? rtt : (smooth * 7 + rtt) / 8);
  check.verdict.answered(now_us);
  if (check.verdict.usable()) check.undecided = false;
}

void Watch::lost(Check& check, uint64_t now_us) {
  check.recent = check.recent << 1 | 1;
  check.is_asymmetric = false;
  check.verdict.lost(now_us);
  if (check.undecided && ++check.early_losses >= check.settings.policy.fall)
    check.undecided = false;
}

// ---- what it comes to

void Watch::weigh_session(Check& check, uint64_t now_us) {
  if (check.session->state() == bfd::State::kUp) {
    check.undecided = false;
    check.verdict.report(now_us, true);
    return;
  }
  if (check.undecided) {
    if (check.excused || now_us < check.started_us + grace_us(check.settings.bfd)) return;
    check.undecided = false;
  }
  check.verdict.report(now_us, false);
}

void Watch::settle(Context& context, Check& check, uint64_t now_us) {
  if (check.session) weigh_session(check, now_us);
  check.verdict.tick(now_us);
  const bool down = !check.undecided && !check.verdict.usable();
  const Path& path = check.settings.path;
  if (liveness_ != nullptr && path.tunnel != kNoTunnel)
    liveness_->mark(path.tunnel, down, liveness_bit(check.settings.kind));
  Report& report = check.report;
  if (down != check.down) {
    check.down = down;
    if (down) report.missed_us.set(check.heard_us);
    report.changed_us.set(now_us);
    report.changes.add(1);
    check.told = false;
  }
  const bool session_moved =
      check.session && report.state.get() != static_cast<uint64_t>(check.session->state());
  if (session_moved || report.is_asymmetric.get() != uint64_t{check.is_asymmetric} ||
      report.undecided.get() != uint64_t{check.undecided})
    check.told = false;
  write_report(check, now_us);
  if (!check.told)
    check.told =
        context.events->push(static_cast<uint8_t>(rings::EventKind::kCheckChanged), check.slot);
  plan(check, now_us);
}

void Watch::plan(const Check& check, uint64_t now_us) {
  uint64_t due = check.session ? check.session->next_due() : check.probe->next_due();
  due = std::min(due, check.verdict.next_due());
  if (check.session && check.undecided && !check.excused)
    due = std::min(due, check.started_us + grace_us(check.settings.bfd));
  // What control was not told of yet is tried again soon.
  if (!check.told) due = std::min(due, now_us + 1000);
  agenda_.set(check.slot, due);
  remember_due();
}

}  // namespace kanmon::vigil
