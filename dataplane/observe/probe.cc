#include "dataplane/observe/probe.h"

#include "dataplane/observe/sealed.h"
#include "dataplane/wire/headers.h"
#include "dataplane/worker/stage_clock.h"

namespace kanmon::observe {
namespace {

bool is_frame(Lane lane) {
  return lane == Lane::kReceived || lane == Lane::kToPort || lane == Lane::kSent;
}

// Bursts of ARP and discovery are punted as frames, what is dropped may be either.
wire::Bytes ip_in(const Packet* p, Lane lane) {
  const wire::Bytes octets = bytes(p);
  if (is_frame(lane)) return ip_of_frame(octets);
  const bool is_ip = !octets.empty() && (octets[0] >> 4 == 4 || octets[0] >> 4 == 6);
  return is_ip ? octets : ip_of_frame(octets);
}

uint32_t tunnel_of(fib::NextHop hop) {
  return hop.kind() == fib::NextHopKind::kTunnel ? hop.index() : kNoTunnel;
}

// The tunnel an ESP packet belongs to, if we have its SA.
uint32_t tunnel_of_spi(const Context& c, const Flow& flow) {
  const sa::InboundSa* sa = flow.has_spi ? c.tables->inbound(flow.spi) : nullptr;
  return sa != nullptr ? sa->tunnel : kNoTunnel;
}

Passage passage_of(const Context& c, const Packet* p, const Flow& flow) {
  const Meta& m = meta(p);
  return {m.inbound_spi, m.tunnel_in != kNoTunnel ? m.tunnel_in : tunnel_of_spi(c, flow),
          tunnel_of(m.next_hop)};
}

// Says what the step that is over decided.
void add_decision(const Context& c, Step step, const Packet* p, Record& r) {
  const Meta& m = meta(p);
  if (step == Step::kDecrypt && r.lane == Lane::kToRoute) {
    r.tunnel = m.tunnel_in;
    r.spi = m.inbound_spi;
    r.sequence = received_sequence(c, p);
  }
  // What is dropped before the lookup has none.
  if (step == Step::kRoute && (m.next_hop || r.drop == Drop::kNoRoute)) {
    r.next_hop = m.next_hop;
    r.is_decision = true;
    if (m.next_hop.kind() == fib::NextHopKind::kNeighbour) r.adjacency = m.next_hop.index();
  }
  const uint32_t tunnel = tunnel_of(m.next_hop);
  if (step == Step::kEncrypt && r.lane == Lane::kToPort && tunnel < c.tables->capacity.tunnels) {
    const sa::Encap& e = c.tables->tunnels[tunnel];
    r.tunnel = tunnel;
    r.adjacency = e.adjacency;
    r.spi = r.flow.spi;
    r.sequence = sent_sequence(e, r.flow.sequence_low);
  }
}

}  // namespace

Probe::Probe(Session& session)
    : session_(session),
      session_number_(session.spec().session),
      records_(session.spec().capture ? 1 : session.spec().records),
      tap_(session.spec().capture ? std::make_unique<Tap>(session.spec().capture->ring_octets,
                                                          session.spec().capture->snap)
                                  : nullptr) {}

void Probe::tell(const Record& record) {
  if (!records_.push(record)) lost_.add(1);
}

Record Probe::describe(const Context& c, Step step, const Packet* p, Lane lane) const {
  const Meta& m = meta(p);
  Record r{};
  r.tsc = read_tsc();
  r.number = m.trace.number;
  r.worker = c.worker;
  r.step = step;
  r.lane = lane;
  r.port = kNoPort;
  r.table = m.table;
  r.punt = m.punt;
  r.from_control = m.from_control != 0;
  r.length = length(p);
  r.tunnel = kNoTunnel;
  if (const auto flow = read_flow(ip_in(p, lane))) {
    r.is_ip = true;
    r.flow = *flow;
  }
  return r;
}

void Probe::copy(const Context& c, Place place, uint16_t port, const Packet* p) {
  const bool is_received = place == Place::kReceived;  // then its meta is not its own yet
  const bool is_whole_frame = is_received || place == Place::kSent;
  const auto flow = read_flow(is_whole_frame ? ip_of_frame(bytes(p)) : bytes(p));
  // What is no IP, as ARP, is taken if everything is.
  const Flow shown = flow.value_or(Flow{});
  const Passage passage =
      is_received ? Passage{0, tunnel_of_spi(c, shown)} : passage_of(c, p, shown);
  if (!matches(session_.spec().filter, shown, passage) || session_.take_number() == 0) return;
  Copy head{};
  head.tsc = read_tsc();
  head.place = place;
  head.port = port;
  head.tunnel = place == Place::kDecrypted ? passage.tunnel_in : passage.tunnel_out;
  head.spi = passage.inbound_spi;
  tap_->take(head, p);
}

void Probe::before_encrypt(const Context& c) {
  const PacketVector& lane = c.lanes->encrypt;
  for (uint32_t i = 0; tap_ != nullptr && i < lane.count; ++i)
    copy(c, Place::kToEncrypt, kNoPort, lane.slots[i]);
}

void Probe::arrived(const Context& c, uint16_t port, Packet* const* frames, uint32_t n) {
  for (uint32_t i = 0; tap_ != nullptr && i < n; ++i) copy(c, Place::kReceived, port, frames[i]);
  if (tap_ != nullptr) return;
  is_classifying_ = true;
  arrivals_ = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const auto flow = read_flow(ip_of_frame(bytes(frames[i])));
    if (!flow || !matches(session_.spec().filter, *flow, {0, tunnel_of_spi(c, *flow)})) continue;
    const uint32_t number = session_.take_number();
    if (number == 0) return;
    arrived_[arrivals_++] = {frames[i], number};
    Record r{};
    r.tsc = read_tsc();
    r.number = number;
    r.worker = c.worker;
    r.step = Step::kRx;
    r.lane = Lane::kReceived;
    r.port = port;
    r.length = length(frames[i]);
    r.tunnel = kNoTunnel;
    r.is_ip = true;
    r.flow = *flow;
    tell(r);
  }
}

// Marks a packet that was not seen on arrival: decrypted, answered here, or given by control.
void Probe::choose(const Context& c, Packet* p) {
  if (is_followed(p)) return;
  const auto flow = read_flow(ip_in(p, Lane::kToRoute));
  if (!flow || !matches(session_.spec().filter, *flow, passage_of(c, p, *flow))) return;
  if (const uint32_t number = session_.take_number(); number != 0)
    meta(p).trace = {session_number_, static_cast<uint8_t>(Lane::kNowhere), number};
}

void Probe::look(const Context& c, Step step, Packet* p, Lane lane, uint16_t where) {
  Trace& trace = meta(p).trace;
  if (trace.session != session_number_ || trace.lane == static_cast<uint8_t>(lane)) return;
  trace.lane = static_cast<uint8_t>(lane);
  Record r = describe(c, step, p, lane);
  if (lane == Lane::kToPort) r.port = where;
  if (lane == Lane::kToWorker) r.to_worker = where;
  add_decision(c, step, p, r);
  tell(r);
}

void Probe::after(const Context& c, Step step) {
  if (tap_ != nullptr) {
    copied_end_ = nullptr;
    const PacketVector& lane = c.lanes->route;
    for (uint32_t i = 0; step == Step::kDecrypt && i < lane.count; ++i)
      if (meta(lane.slots[i]).tunnel_in != kNoTunnel)
        copy(c, Place::kDecrypted, kNoPort, lane.slots[i]);
    return;
  }
  if (step == Step::kClassify) {
    for (uint32_t i = 0; i < arrivals_; ++i)
      if (arrived_[i].packet != nullptr)
        meta(const_cast<Packet*>(arrived_[i].packet)).trace = {
            session_number_, static_cast<uint8_t>(Lane::kReceived), arrived_[i].number};
    arrivals_ = 0;
    is_classifying_ = false;
  }
  Lanes& lanes = *c.lanes;
  const auto walk = [&](PacketVector& lane, Lane name, uint16_t where = 0) {
    for (uint32_t i = 0; i < lane.count; ++i) look(c, step, lane.slots[i], name, where);
  };
  for (PacketVector* lane : {&lanes.route, &lanes.encrypt})
    for (uint32_t i = 0; i < lane->count; ++i) choose(c, lane->slots[i]);
  walk(lanes.esp, Lane::kToDecrypt);
  walk(lanes.route, Lane::kToRoute);
  walk(lanes.local, Lane::kToLocal);
  walk(lanes.encrypt, Lane::kToEncrypt);
  walk(lanes.punt, Lane::kToControl);
  for (uint16_t w = 0; w < c.workers; ++w) walk(lanes.handoff[w], Lane::kToWorker, w);
  for (uint16_t port = 0; port < kMaxPorts; ++port) walk(lanes.tx[port], Lane::kToPort, port);
}

void Probe::dropped(const Context& c, const Packet* p, Drop why) {
  uint32_t number = !is_classifying_ && is_followed(p) ? meta(p).trace.number : 0;
  for (uint32_t i = 0; is_classifying_ && i < arrivals_; ++i) {
    if (arrived_[i].packet != p) continue;
    number = arrived_[i].number;
    arrived_[i].packet = nullptr;
  }
  if (number == 0) return;
  const Stage stage = kDrops[static_cast<std::size_t>(why)].stage;
  Record r = describe(c, static_cast<Step>(stage), p, Lane::kDropped);
  r.number = number;
  r.drop = why;
  if (is_classifying_) r.table = 0;
  add_decision(c, r.step, p, r);
  tell(r);
}

void Probe::before_send(const Context& c, uint16_t port, Packet* const* frames, uint32_t n) {
  offers_ = 0;
  if (tap_ != nullptr) {
    const bool is_again = copied_end_ != nullptr && copied_port_ == port;
    for (uint32_t i = 0; i < n; ++i)
      if (!is_again || frames + i >= copied_end_) copy(c, Place::kSent, port, frames[i]);
    copied_end_ = frames + n;
    copied_port_ = port;
    return;
  }
  for (uint32_t i = 0; i < n; ++i) {
    if (!is_followed(frames[i])) continue;
    Record r = describe(c, Step::kTx, frames[i], Lane::kSent);
    r.port = port;
    offered_[offers_++] = {i, r};
  }
}

void Probe::sent(uint32_t n) {
  for (uint32_t i = 0; i < offers_ && offered_[i].place < n; ++i) tell(offered_[i].record);
  offers_ = 0;
}

}  // namespace kanmon::observe

namespace kanmon {

void Context::tell_probe(Packet* p, Drop why) {
  probe->dropped(*this, p, why);
}

}  // namespace kanmon
