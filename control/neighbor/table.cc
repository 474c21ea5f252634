#include "control/neighbor/table.h"

#include <algorithm>
#include <utility>

namespace kanmon::neighbor {

const char* to_string(State s) {
  constexpr const char* kNames[] = {"incomplete", "reachable", "probe", "failed"};
  return kNames[static_cast<uint8_t>(s)];
}

Table::Table(Host& host, Timing timing) : host_(host), timing_(timing) {}

void Table::set_port(uint16_t port, const wire::MacAddress& mac,
                     std::vector<wire::InterfaceAddress> addresses) {
  ports_[port] = {mac, std::move(addresses)};
}

void Table::remove_port(uint16_t port) {
  ports_.erase(port);
  for (auto it = neighbors_.begin(); it != neighbors_.end();) {
    Neighbor& n = it->second;
    if (n.port != port) {
      ++it;
      continue;
    }
    drop_held(n);
    host_.lost(port, n.address, n.adjacency, true);
    free_adjacencies_.push_back(n.adjacency);
    it = neighbors_.erase(it);
  }
}

void Table::announce(uint16_t port) {
  const auto it = ports_.find(port);
  if (it == ports_.end()) return;
  for (const auto& a : it->second.addresses)
    host_.send_frame(port, neighbor::announce(it->second.mac, a.address));
}

std::optional<uint32_t> Table::ask(TimePoint now, uint16_t port, const wire::IpAddress& address,
                                   bool pinned) {
  Neighbor* n = find_or_ask(now, port, address);
  if (n == nullptr) return std::nullopt;
  n->pinned |= pinned;
  return n->adjacency;
}

void Table::unpin_all() {
  for (auto& [key, n] : neighbors_) n.pinned = false;
}

void Table::hold(TimePoint now, uint16_t port, const wire::IpAddress& address, Held packet) {
  Neighbor* n = find_or_ask(now, port, address);
  if (n == nullptr || n->state == State::kFailed) return host_.discard(packet);
  if (n->state != State::kIncomplete) return host_.release(packet);
  if (n->held.size() == kMaxHeld) {  // the oldest goes (RFC 4861 section 7.2.2)
    host_.discard(n->held.front());
    n->held.erase(n->held.begin());
  }
  n->held.push_back(packet);
}

bool Table::receive(TimePoint now, uint16_t port, wire::Bytes frame) {
  const auto message = parse(frame);
  if (!message.ok()) return message.error().code == Errc::kUnsupported;
  const Message& m = *message;
  const auto it = ports_.find(port);
  if (it == ports_.end()) return true;

  if (m.kind == Message::Kind::kSolicit) {
    if (!is_ours(port, m.target)) return true;
    // Who asks for us will hear from us: the question itself says where the asker is.
    if (!m.sender.is_unspecified() && m.sender_mac && subnet_of(port, m.sender) != nullptr &&
        !is_ours(port, m.sender)) {
      Neighbor* n = find(port, m.sender);
      if (n == nullptr) n = add(now, port, m.sender);
      if (n != nullptr) learn(now, *n, *m.sender_mac);
    }
    host_.send_frame(port, neighbor::advertise(it->second.mac, m));
    return true;
  }
  Neighbor* n = find(port, m.target);  // only answers to what was asked
  if (n == nullptr) return true;
  const bool known = n->state != State::kIncomplete && n->state != State::kFailed;
  if (known && !m.override_entry && m.sender_mac != n->mac) return true;
  const auto mac = m.sender_mac ? m.sender_mac : n->mac;
  if (mac) learn(now, *n, *mac);
  return true;
}

void Table::tick(TimePoint now) {
  for (auto it = neighbors_.begin(); it != neighbors_.end();) {
    Neighbor& n = it->second;
    const bool exhausted = n.tries >= timing_.tries && n.state != State::kReachable;
    if (now >= n.deadline && exhausted && fail(now, n)) {
      host_.lost(n.port, n.address, n.adjacency, true);
      free_adjacencies_.push_back(n.adjacency);
      it = neighbors_.erase(it);
      continue;
    }
    if (now >= n.deadline) due(now, n);
    ++it;
  }
}

std::vector<Table::Entry> Table::entries() const {
  std::vector<Entry> out;
  out.reserve(neighbors_.size());
  for (const auto& [key, n] : neighbors_) out.push_back(n);
  return out;
}

Table::Neighbor* Table::find(uint16_t port, const wire::IpAddress& address) {
  const auto it = neighbors_.find({port, address});
  return it == neighbors_.end() ? nullptr : &it->second;
}

Table::Neighbor* Table::find_or_ask(TimePoint now, uint16_t port, const wire::IpAddress& address) {
  if (Neighbor* n = find(port, address)) return n;
  Neighbor* n = add(now, port, address);
  if (n != nullptr) send_question(*n);
  return n;
}

Table::Neighbor* Table::add(TimePoint now, uint16_t port, const wire::IpAddress& address) {
  if (neighbors_.size() >= kMaxNeighbors) return nullptr;
  Neighbor& n = neighbors_[{port, address}];
  n.port = port;
  n.address = address;
  if (free_adjacencies_.empty()) {
    n.adjacency = next_adjacency_++;
  } else {
    n.adjacency = free_adjacencies_.back();
    free_adjacencies_.pop_back();
  }
  enter(now, n, State::kIncomplete);
  return &n;
}

const wire::InterfaceAddress* Table::subnet_of(uint16_t port,
                                               const wire::IpAddress& address) const {
  const auto it = ports_.find(port);
  if (it == ports_.end()) return nullptr;
  for (const auto& a : it->second.addresses)
    if (a.subnet().contains(address)) return &a;
  return nullptr;
}

bool Table::is_ours(uint16_t port, const wire::IpAddress& address) const {
  const auto it = ports_.find(port);
  return it != ports_.end() && std::any_of(it->second.addresses.begin(), it->second.addresses.end(),
                                           [&](const auto& a) { return a.address == address; });
}

void Table::learn(TimePoint now, Neighbor& n, const wire::MacAddress& mac) {
  const bool news = n.mac != mac || n.state == State::kIncomplete || n.state == State::kFailed;
  n.mac = mac;
  n.answered = now;
  enter(now, n, State::kReachable);
  if (news) host_.resolved(n.port, n.address, n.adjacency, mac);
  for (Held packet : std::exchange(n.held, {})) host_.release(packet);
}

void Table::enter(TimePoint now, Neighbor& n, State state) {
  n.state = state;
  n.tries = 0;
  const auto wait = state == State::kReachable ? std::chrono::milliseconds(timing_.reachable)
                    : state == State::kFailed  ? std::chrono::milliseconds(timing_.failed)
                                               : timing_.retry;
  n.deadline = now + wait;
}

void Table::send_question(Neighbor& n) {
  ++n.tries;
  const auto it = ports_.find(n.port);
  if (it == ports_.end()) return;
  const wire::InterfaceAddress* from = subnet_of(n.port, n.address);
  if (from == nullptr) {  // a neighbour outside our subnets: ask from any address of its family
    for (const auto& a : it->second.addresses)
      if (a.address.family == n.address.family) from = &a;
    if (from == nullptr) return;
  }
  const bool probe = n.state == State::kProbe;
  host_.send_frame(n.port, solicit(it->second.mac, from->address, n.address,
                                   probe ? n.mac : std::optional<wire::MacAddress>()));
}

void Table::due(TimePoint now, Neighbor& n) {
  if (n.state == State::kReachable) enter(now, n, State::kProbe);
  if (n.state == State::kFailed) enter(now, n, State::kIncomplete);
  n.deadline = now + timing_.retry;
  send_question(n);
}

// Tries are used up. A pinned neighbour is marked and asked again later, others are forgotten.
bool Table::fail(TimePoint now, Neighbor& n) {
  drop_held(n);
  n.mac.reset();
  if (!n.pinned) return true;
  if (n.state != State::kFailed) host_.lost(n.port, n.address, n.adjacency, false);
  enter(now, n, State::kFailed);
  return false;
}

void Table::drop_held(Neighbor& n) {
  for (Held packet : std::exchange(n.held, {})) host_.discard(packet);
}

}  // namespace kanmon::neighbor
