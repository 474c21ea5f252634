// Fuzzes everything that reads BGP. The first octet chooses the door:
//   0  a stream of octets into a session that is up, or on its way (second octet)
//   1  the body of an UPDATE, of a session that the second octet describes
//   2  the body of an OPEN
//   3  bodies of NOTIFICATION and ROUTE-REFRESH
// Seeds: make_bgp_corpus.cc by our writer, scapy_bgp_corpus by scapy. Beside memory errors it looks
// for broken promises (require): what was read is written and reads the same; a session never
// answers with more than it was told.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "control/bgp/session.h"
#include "control/bgp/wire/update_writer.h"

namespace kanmon::bgp {
namespace {

using wire::Family;

void require(bool promise) {
  if (!promise) std::abort();
}

const TimePoint kNow{std::chrono::hours(1)};

SessionSettings settings(bool extended) {
  SessionSettings s;
  s.local_as = 65001;
  s.router_id = 1;
  s.passive = true;
  s.extended_message = extended;
  s.family[Family::kV4] = s.family[Family::kV6] = true;
  s.add_path[Family::kV6] = AddPath::kReceive;
  return s;
}

class Sink : public Stream {
 public:
  std::size_t write(wire::Bytes octets) override { return octets.size(); }
  wire::Endpoint local() const override { return {wire::IpAddress::v4(0xc0000202), 179}; }
  wire::Endpoint remote() const override { return {wire::IpAddress::v4(0xc0000201), 179}; }
};

class Host : public SessionHost {
 public:
  void connect() override { require(false); }  // it is passive
  void cancel_connect() override {}
  uint32_t random() override { return 7; }
  void up(const Negotiated&) override { is_up = true; }
  void down(const Down&) override { is_up = false; }
  void update(Update&) override { require(is_up); }
  void refresh(const Refresh&) override { require(is_up); }
  void writable() override {}
  void notified(const Notification& n, bool) override {
    (void)to_string(n);
    require(shutdown_text(n).size() <= 1024 + 16);
    last_bytes = n.data.size();
  }
  bool is_up = false;
  std::size_t last_bytes = 0;
};

void stream(uint8_t how, wire::Bytes octets) {
  const SessionSettings ours = settings((how & 1) != 0);
  SessionSettings theirs = settings(true);
  theirs.local_as = (how & 2) != 0 ? 65002 : 65001;
  theirs.router_id = 2;
  theirs.add_path[Family::kV6] = AddPath::kSend;
  Host host;
  Session session(ours, host);
  session.start(kNow);
  require(session.accept(kNow, std::make_unique<Sink>()));
  if ((how & 4) != 0) session.received(kNow, Way::kTheirs, encode(open_of(theirs)));
  if ((how & 8) != 0) session.received(kNow, Way::kTheirs, keepalive());
  const std::size_t chunk = (how & 16) != 0 ? 3 : octets.size();
  for (wire::Bytes left = octets; !left.empty();) {
    const wire::Bytes part = left.first(std::min(chunk, left.size()));
    session.received(kNow, Way::kTheirs, part);
    left = left.subspan(part.size());
  }
  require(host.last_bytes <= std::max<std::size_t>(octets.size(), 64));
  session.tick(kNow + std::chrono::hours(1));
}

UpdateContext context_of(uint8_t how) {
  UpdateContext c;
  c.external = (how & 1) != 0;
  c.as4 = (how & 2) != 0;
  c.family[Family::kV4] = (how & 4) == 0;
  c.family[Family::kV6] = (how & 8) == 0;
  c.path_ids[Family::kV4] = (how & 16) != 0;
  c.path_ids[Family::kV6] = (how & 32) != 0;
  c.enforce_first_as = (how & 64) != 0;
  c.peer_as = 65001;
  return c;
}

// Announces what was read and reads it again.
void write_back(const UpdateContext& context, Attributes attributes, Family family,
                const Update::Reach& reach) {
  static AttributeTable table;
  if (reach.nlri.empty()) return;
  require(reach.next_hop.family == family || family == Family::kV4);
  attributes.next_hop = reach.next_hop;
  attributes.link_local = reach.link_local;
  const AttributeRef set = table.intern(attributes);
  WriteContext how{context.external, context.as4, context.path_ids, kMaxMessage};
  std::vector<Nlri> back;
  bool is_same = true;
  const Status s =
      UpdateWriter(how).announce(*set, reach.next_hop.family, reach.nlri, [&](wire::Bytes m) {
        Update got;
        require(!parse_update(m.subspan(kHeaderBytes), context, got));
        Update::Reach& r = got.plain.nlri.empty() ? got.multiprotocol : got.plain;
        back.insert(back.end(), r.nlri.begin(), r.nlri.end());
        got.attributes.next_hop = r.next_hop;
        got.attributes.link_local = r.link_local;
        is_same &= table.intern(got.attributes) == set;
      });
  // Only attributes that have grown beyond a message by being written may be refused.
  require(s.ok() ? back == reach.nlri : s.error().code == Errc::kNoSpace);
  // Two-octet neighbours lose what AS_TRANS stands for; all else is kept.
  require(is_same || !context.as4 || !s.ok());
}

void update(uint8_t how, wire::Bytes body) {
  static Update got;
  const UpdateContext context = context_of(how);
  if (const Verdict v = parse_update(body, context, got)) {
    require(v->code == 3 && v->data.size() <= body.size());
    return;
  }
  require(got.action != Action::kReset);
  const bool has_routes = !got.plain.nlri.empty() || !got.multiprotocol.nlri.empty();
  require(!has_routes || got.action < Action::kWithdraw);
  require(!got.end_of_rib || !has_routes);
  for (const Update::Reach* r : {&got.plain, &got.multiprotocol})
    for (const Nlri& n : r->nlri) require(context.family[n.prefix.address.family]);
  if (!got.plain.nlri.empty()) write_back(context, got.attributes, Family::kV4, got.plain);
  if (!got.multiprotocol.nlri.empty())
    write_back(context, got.attributes, got.multiprotocol.next_hop.family, got.multiprotocol);
}

void open(wire::Bytes body) {
  Open got;
  if (const Verdict v = parse_open(body, got)) return require(v->code == 2);
  require(got.as != 0 && got.identifier != 0 && got.hold_time != 1 && got.hold_time != 2);
  Negotiated n;
  (void)negotiate(settings(true), got, n);
  const Octets again = encode(got);
  Open back;
  require(!parse_open(wire::Bytes(again).subspan(kHeaderBytes), back));
  // Families that are not ours are not written again.
  require(back.as == got.as && back.capabilities.restart == got.capabilities.restart);
}

void small(wire::Bytes body) {
  if (const auto n = parse_notification(body); n.ok()) {
    (void)shutdown_text(*n);
    require(parse_notification(wire::Bytes(encode(*n, kMaxExtendedMessage)).subspan(kHeaderBytes))
                .ok());
  }
  std::optional<Refresh> r;
  for (const bool enhanced : {true, false}) (void)parse_refresh(body, enhanced, r);
}

}  // namespace
}  // namespace kanmon::bgp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const kanmon::wire::Bytes rest{data + 2, size - 2};
  switch (data[0] % 4) {
    case 0:
      kanmon::bgp::stream(data[1], rest);
      break;
    case 1:
      kanmon::bgp::update(data[1], rest);
      break;
    case 2:
      kanmon::bgp::open(rest);
      break;
    default:
      kanmon::bgp::small(rest);
      break;
  }
  return 0;
}
