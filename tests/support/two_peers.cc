#include "tests/support/two_peers.h"

#include <algorithm>
#include <tuple>

namespace kanmon::test {
namespace {

Octets copy(wire::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

constexpr std::string_view kPsk = "correct-horse-battery-staple-0123456789";

}  // namespace

void FakeHost::send(const wire::Endpoint& local, const wire::Endpoint& remote, wire::Bytes bytes) {
  on_send(local, remote, bytes);
}

void FakeHost::send_keepalive(const wire::Endpoint&, const wire::Endpoint&) {
  ++keepalives;
}

void FakeHost::random(wire::MutableBytes out) {
  for (uint8_t& octet : out) octet = static_cast<uint8_t>(dice());
}

Result<uint32_t> FakeHost::reserve_spi(uint32_t) {
  if (spis_exhausted) return Errc::kNoSpace;
  reserved.insert(++next_spi);
  return next_spi;
}

void FakeHost::release_spi(uint32_t spi) {
  if (reserved.erase(spi) != 1) lines.push_back("BUG release of an SPI that is not reserved");
}

void FakeHost::install_inbound(const ike::ChildSa& child) {
  if (reserved.erase(child.inbound_spi) != 1) lines.push_back("BUG install without reservation");
  Inbound& in = inbound[child.inbound_spi];
  in = {ike::ChildSa{}, copy(child.inbound_key.bytes()), false};
  in.sa.inbound_spi = child.inbound_spi;
  in.sa.peer_refuses_tfc = child.peer_refuses_tfc;
  in.sa.fragments_also = child.fragments_also;
  keys_seen.push_back(copy(child.inbound_key.bytes()));
  keys_seen.push_back(copy(child.outbound_key.bytes()));
  on_install(child.inbound_spi);
}

void FakeHost::install_outbound(const ike::ChildSa& child) {
  if (child.outbound_key.empty()) lines.push_back("BUG outbound without key");
  outbound[child.tunnel] = {child.outbound_spi, copy(child.outbound_key.bytes()), child.inbound_spi,
                            child.remote};
  ++outbound_installs;
}

void FakeHost::remove_inbound(uint32_t spi) {
  if (inbound.erase(spi) != 1) lines.push_back("BUG removal of an inbound SA that is not there");
}

void FakeHost::remove_outbound(uint32_t tunnel, uint32_t outbound_spi) {
  const auto it = outbound.find(tunnel);
  if (it != outbound.end() && it->second.spi == outbound_spi) outbound.erase(it);
}

void FakeHost::move_endpoint(uint32_t tunnel, const wire::Endpoint& remote) {
  moves.emplace_back(tunnel, remote);
}

void FakeHost::log(Level, std::string_view event, std::string_view text) {
  lines.push_back(std::string(event) + " " + std::string(text));
}

bool FakeHost::has_log(std::string_view event, std::string_view part) const {
  return std::ranges::any_of(lines, [&](const std::string& line) {
    return line.starts_with(event) && line.find(part) != std::string::npos;
  });
}

TwoPeers::TwoPeers(uint64_t seed, ike::EngineOptions options) {
  a.host.dice.seed(seed * 2);
  b.host.dice.seed(seed * 2 + 1);
  b.host.next_spi = 0x2000;
  for (const bool is_a : {true, false}) {
    wire_up(is_a);
    side(is_a).engine = std::make_unique<ike::Engine>(side(is_a).host, options);
  }
}

void TwoPeers::wire_up(bool is_a) {
  FakeHost& host = side(is_a).host;
  host.on_send = [this, is_a](const wire::Endpoint& local, const wire::Endpoint& remote,
                              wire::Bytes bytes) { on_send(is_a, local, remote, bytes); };
  host.on_install = [this, is_a](uint32_t spi) {
    at(now_ + install_delay, [this, is_a, spi] {
      Side& s = side(is_a);
      const auto it = s.host.inbound.find(spi);
      if (it != s.host.inbound.end()) it->second.acknowledged = true;
      s.engine->inbound_installed(now_, spi);
    });
  };
}

ike::TunnelParameters TwoPeers::parameters(bool for_a) {
  ike::TunnelParameters p;
  p.name = "t";
  p.tunnel = 7;
  p.local_address = for_a ? kAddressA : kAddressB;
  p.remote_address = for_a ? kAddressB : kAddressA;
  p.local_id = ike::Identity::parse(for_a ? "a.example" : "b.example");
  p.remote_id = ike::Identity::parse(for_a ? "b.example" : "a.example");
  p.psk = Secret(wire::Bytes(reinterpret_cast<const uint8_t*>(kPsk.data()), kPsk.size()));
  p.ike.encryption = {{20, 256}};
  p.ike.prf = {6};
  p.ike.groups = {31, 19};
  p.esp.algorithms = {esp::Algorithm::kAes256Gcm16};
  const auto any = wire::Prefix::parse("0.0.0.0/0");
  p.local_ts = {sa::Selector::of(any.value())};
  p.remote_ts = {sa::Selector::of(any.value())};
  p.startup = for_a ? ike::StartupAction::kStart : ike::StartupAction::kAdd;
  return p;
}

void TwoPeers::add_both() {
  b.engine->add(now_, parameters(false));
  a.engine->add(now_, parameters(true));
}

bool TwoPeers::connect() {
  add_both();
  if (!run_until([this] { return both_up(); }, seconds(10))) return false;
  run_for(milliseconds(20));
  a.gaps = b.gaps = a.unsent = b.unsent = 0;
  return true;
}

void TwoPeers::at(TimePoint when, std::function<void()> run) {
  events_.emplace(std::pair(when, order_++), std::move(run));
}

wire::Endpoint TwoPeers::outside_of_a(const wire::Endpoint& inside) const {
  if (!nat_a) return inside;
  return {*nat_a, static_cast<uint16_t>(nat_port + inside.port)};
}

void TwoPeers::on_send(bool from_a, const wire::Endpoint& local, const wire::Endpoint& remote,
                       wire::Bytes bytes) {
  Message message;
  message.number = numbers_++;
  message.from_a = from_a;
  message.from = from_a ? outside_of_a(local) : local;
  message.to = remote;
  if (!from_a && nat_a) {
    // Only what the NAT has a mapping for comes through.
    if (remote.address != *nat_a) return;
    message.to = {kAddressA, static_cast<uint16_t>(remote.port - nat_port)};
  }
  message.bytes = copy(bytes);
  const auto header = ike::parse_header(bytes);
  if (header.ok()) message.header = header.value();
  if (record) sent.push_back(message);
  const Fate when = fate ? fate(message) : Fate{wire_delay};
  for (const Duration delay : when) at(now_ + delay, [this, message] { deliver(message); });
}

void TwoPeers::deliver(const Message& message) {
  if (on_delivery) on_delivery(message);
  inject(!message.from_a, message.from, message.to, message.bytes);
}

void TwoPeers::inject(bool to_a, const wire::Endpoint& from, const wire::Endpoint& to,
                      const Octets& bytes) {
  if (to.address != (to_a ? kAddressA : kAddressB)) return;
  side(to_a).engine->receive(now_, to, from, bytes);
}

void TwoPeers::send_packets(bool tell) {
  send_packet(true, tell);
  send_packet(false, tell);
}

void TwoPeers::send_packet(bool from_a, bool tell) {
  Side& s = side(from_a);
  const auto it = s.host.outbound.find(7);
  if (it == s.host.outbound.end()) {
    if (s.was_up) ++s.unsent;
    return;
  }
  s.was_up = true;
  const FakeHost::Outbound packet = it->second;
  if (tell) s.engine->traffic_seen(now_, packet.inbound_spi, 0, 1, {});
  wire::Endpoint from{from_a ? kAddressA : kAddressB, 4500};
  if (from_a) from = outside_of_a(from);
  at(now_ + wire_delay,
     [this, from_a, packet, from, tell] { arrive(!from_a, packet, from, tell); });
}

void TwoPeers::arrive(bool at_a, const FakeHost::Outbound& packet, wire::Endpoint from, bool tell) {
  quiet_ = true;  // the arrival of a packet does not send another
  Side& s = side(at_a);
  const auto it = s.host.inbound.find(packet.spi);
  if (it == s.host.inbound.end() || !it->second.acknowledged || it->second.key != packet.key) {
    ++s.gaps;
    return;
  }
  if (tell) s.engine->traffic_seen(now_, packet.spi, 1, 0, from);
}

bool TwoPeers::step() {
  const TimePoint timer = std::min(a.engine->next_deadline(), b.engine->next_deadline());
  const TimePoint event = events_.empty() ? TimePoint::max() : events_.begin()->first.first;
  TimePoint next = std::min(timer, event);
  if (traffic_interval.count() > 0) {
    next_traffic_ = std::max(next_traffic_, now_);
    if (next_traffic_ < next) {
      now_ = next_traffic_;
      next_traffic_ += traffic_interval;
      send_packets(traffic_tells);
      return true;
    }
  }
  if (next == TimePoint::max()) return false;
  now_ = std::max(now_, next);
  quiet_ = false;
  if (event <= timer) {
    auto node = events_.extract(events_.begin());
    node.mapped()();
  } else {
    a.engine->tick(now_);
    b.engine->tick(now_);
  }
  if (traffic_interval.count() > 0 && !quiet_) send_packets(traffic_tells);
  return true;
}

bool TwoPeers::run_until(const std::function<bool()>& done, Duration limit) {
  const TimePoint end = now_ + limit;
  while (!done()) {
    const TimePoint timer = std::min(a.engine->next_deadline(), b.engine->next_deadline());
    TimePoint next = events_.empty() ? timer : std::min(timer, events_.begin()->first.first);
    if (traffic_interval.count() > 0) next = std::min(next, std::max(next_traffic_, now_));
    if (next > end) {
      now_ = end;
      return done();
    }
    step();
  }
  return true;
}

void TwoPeers::run_for(Duration d) {
  run_until([] { return false; }, d);
}

ike::TunnelStatus TwoPeers::status(bool of_a, std::string_view name) const {
  for (ike::TunnelStatus& status : side(of_a).engine->status(now_))
    if (status.name == name) return std::move(status);
  return {};
}

uint64_t TwoPeers::counter(bool of_a, std::string_view name) const {
  for (const auto& [key, value] : side(of_a).engine->counters())
    if (key == name) return value;
  return ~uint64_t{0};
}

std::string TwoPeers::mirror_problem() const {
  using Pair = std::tuple<uint32_t, uint32_t>;
  std::set<Pair> ours, theirs;
  std::string text;
  for (const bool is_a : {true, false}) {
    const FakeHost& host = side(is_a).host;
    std::set<uint32_t> installed, known;
    for (const auto& [spi, in] : host.inbound) installed.insert(spi);
    for (const auto& child : status(is_a).children) {
      known.insert(child.inbound_spi);
      if (is_a)
        ours.emplace(child.inbound_spi, child.outbound_spi);
      else
        theirs.emplace(child.outbound_spi, child.inbound_spi);
      if (!child.carries_outbound) text += " idle child SA;";
    }
    if (installed != known) text += " data plane and engine disagree;";
    if (!host.reserved.empty()) text += " SPI left reserved;";
    if (host.has_log("BUG")) text += " contract broken;";
  }
  if (ours != theirs) text += " child SAs do not mirror;";
  if (ours.size() != 1)
    text +=
        " " + std::to_string(ours.size()) + " and " + std::to_string(theirs.size()) + " child SAs;";
  return text;
}

}  // namespace kanmon::test
