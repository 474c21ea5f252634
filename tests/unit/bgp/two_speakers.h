// Two BGP sessions in one process: a clock that stands until told, and a network of connections
// that delivers octet by octet if it must, loses connections where it is told, and has windows that
// fill.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "control/bgp/session.h"
#include "control/bgp/wire/update_writer.h"
#include "tests/unit/bgp/update_support.h"

namespace kanmon::bgp {

using namespace std::chrono_literals;

class Network;

class TestSpeaker : public SessionHost {
 public:
  TestSpeaker(Network& network, const SessionSettings& settings, wire::IpAddress address,
              uint32_t seed)
      : address_(address), session(settings, *this), network_(network), rng_(seed) {}

  void connect() override { wants_connection = true; }
  void cancel_connect() override { wants_connection = false; }
  uint32_t random() override { return static_cast<uint32_t>(rng_()); }
  void up(const Negotiated& n) override {
    ++ups;
    negotiated = n;
    if (on_up) on_up();
  }
  void down(const Down& d) override { downs.push_back(d); }
  void update(Update& u) override {
    for (const Nlri& n : u.withdrawn) withdrawn.push_back(n);
    for (const Update::Reach* r : {&u.plain, &u.multiprotocol})
      for (const Nlri& n : r->nlri) announced.push_back(n);
    if (u.end_of_rib) ++ends;
  }
  void refresh(const Refresh& r) override { refreshes.push_back(r); }
  void writable() override { ++writables; }
  void notified(const Notification& n, bool was_sent) override {
    (was_sent ? sent : received).push_back(n);
  }

  const wire::IpAddress address_;
  Session session;
  bool wants_connection = false;
  unsigned ups = 0, ends = 0, writables = 0;
  Negotiated negotiated;
  std::vector<Down> downs;
  std::vector<Nlri> announced, withdrawn;
  std::vector<Refresh> refreshes;
  std::vector<Notification> sent, received;
  std::function<void()> on_up;

 private:
  Network& network_;
  std::mt19937 rng_;
};

// One direction of a connection.
struct Pipe {
  std::deque<uint8_t> octets;
  std::size_t window = 1 << 20;  // the writer is refused beyond
  bool is_full = false;          // the writer has been refused
  bool is_ended = false;         // the writer closed it
  bool is_told = false;          // the reader knows
};

struct Link {
  Pipe from_caller, from_callee;
  TestSpeaker* caller = nullptr;  // whose Way::kOurs it is
  TestSpeaker* callee = nullptr;
  bool is_cut = false;
};

class FakeStream : public Stream {
 public:
  FakeStream(std::shared_ptr<Link> link, bool is_caller)
      : link_(std::move(link)), is_caller_(is_caller) {}
  ~FakeStream() override { pipe().is_ended = true; }
  std::size_t write(wire::Bytes octets) override {
    Pipe& p = pipe();
    if (link_->is_cut) return octets.size();
    const std::size_t room = p.window - std::min(p.window, p.octets.size());
    const std::size_t n = std::min(room, octets.size());
    p.octets.insert(p.octets.end(), octets.begin(),
                    octets.begin() + static_cast<std::ptrdiff_t>(n));
    p.is_full = n < octets.size();
    return n;
  }
  wire::Endpoint local() const override { return {me().address_, 179}; }
  wire::Endpoint remote() const override { return {other().address_, 179}; }

 private:
  Pipe& pipe() { return is_caller_ ? link_->from_caller : link_->from_callee; }
  const TestSpeaker& me() const { return is_caller_ ? *link_->caller : *link_->callee; }
  const TestSpeaker& other() const { return is_caller_ ? *link_->callee : *link_->caller; }
  std::shared_ptr<Link> link_;
  bool is_caller_;
};

class Network {
 public:
  TimePoint now{std::chrono::hours(1)};
  bool is_up = true;                   // connections can be made
  std::size_t chunk = 65536;           // octets delivered at once
  std::size_t octets_left = SIZE_MAX;  // delivered before every connection breaks
  std::size_t delivered = 0;
  std::vector<std::shared_ptr<Link>> links;
  std::vector<TestSpeaker*> speakers;  // two
  // Which speakers read; the others leave their octets lying.
  std::function<bool(const TestSpeaker&)> reads = [](const TestSpeaker&) { return true; };

  // One step: true if anything happened.
  bool step() {
    for (TestSpeaker* s : speakers)
      if (s->wants_connection && answer(*s)) return true;
    for (const auto& link : std::vector(links))
      if (move(*link, link->from_caller, *link->callee, Way::kTheirs) ||
          move(*link, link->from_callee, *link->caller, Way::kOurs))
        return true;
    return false;
  }
  void settle() {
    for (unsigned i = 0; step(); ++i) ASSERT_LT(i, 10'000'000u);
  }
  // Lets time pass, stopping at every deadline.
  void pass(Duration d) {
    const TimePoint end = now + d;
    settle();
    while (true) {
      TimePoint next = end;
      for (TestSpeaker* s : speakers) next = std::min(next, s->session.next_deadline());
      now = std::max(now, next);
      for (TestSpeaker* s : speakers) s->session.tick(now);
      settle();
      if (now >= end) return;
    }
  }
  void cut() {
    for (const auto& link : links) {
      link->is_cut = true;
      for (Pipe* p : {&link->from_caller, &link->from_callee}) {
        p->octets.clear();
        p->is_ended = true;
      }
    }
  }

 private:
  bool answer(TestSpeaker& s) {
    s.wants_connection = false;
    TestSpeaker& peer = *speakers[speakers[0] == &s];
    if (!is_up) {
      s.session.connect_failed(now);
      return true;
    }
    auto link = std::make_shared<Link>();
    link->caller = &s;
    link->callee = &peer;
    links.push_back(link);
    s.session.connected(now, std::make_unique<FakeStream>(link, true));
    (void)peer.session.accept(now, std::make_unique<FakeStream>(link, false));
    return true;
  }
  bool move(Link& link, Pipe& pipe, TestSpeaker& to, Way way) {
    // A connection that its owner has given up says nothing any more.
    Pipe& back = &pipe == &link.from_caller ? link.from_callee : link.from_caller;
    if (back.is_ended && !link.is_cut) {
      const bool was_there = !pipe.octets.empty();
      pipe.octets.clear();
      return was_there;
    }
    if (!pipe.octets.empty() && reads(to)) {
      const std::size_t n = std::min({pipe.octets.size(), chunk, octets_left});
      if (n == 0) {
        octets_left = SIZE_MAX;
        cut();
        return true;
      }
      if (octets_left != SIZE_MAX) octets_left -= n;
      delivered += n;
      const Octets part(pipe.octets.begin(), pipe.octets.begin() + static_cast<std::ptrdiff_t>(n));
      pipe.octets.erase(pipe.octets.begin(), pipe.octets.begin() + static_cast<std::ptrdiff_t>(n));
      to.session.received(now, way, part);
      if (pipe.is_full && pipe.octets.size() < pipe.window / 2) {
        pipe.is_full = false;
        TestSpeaker& from = &pipe == &link.from_caller ? *link.caller : *link.callee;
        from.session.writable(now, way == Way::kTheirs ? Way::kOurs : Way::kTheirs);
      }
      return true;
    }
    if (pipe.octets.empty() && pipe.is_ended && !pipe.is_told) {
      pipe.is_told = true;
      to.session.closed(now, way);
      return true;
    }
    return false;
  }
};

// Two speakers of different ASes on one network; a has the lower identifier.
struct TwoSpeakers {
  static SessionSettings settings(uint32_t local, uint32_t remote, uint32_t id) {
    SessionSettings s;
    s.local_as = local;
    s.remote_as = remote;
    s.router_id = id;
    s.family[wire::Family::kV4] = s.family[wire::Family::kV6] = true;
    return s;
  }
  explicit TwoSpeakers(SessionSettings for_a = settings(65001, 65002, 1),
                       SessionSettings for_b = settings(65002, 65001, 2))
      : a(net, for_a, wire::IpAddress::parse("192.0.2.10").value(), 1),
        b(net, for_b, wire::IpAddress::parse("192.0.2.20").value(), 2) {
    net.speakers = {&a, &b};
  }
  void start() {
    a.session.start(net.now);
    b.session.start(net.now);
  }
  bool is_up() const {
    return a.session.state() == State::kEstablished && b.session.state() == State::kEstablished;
  }

  Network net;
  TestSpeaker a, b;
};

}  // namespace kanmon::bgp
