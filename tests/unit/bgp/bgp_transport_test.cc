// Sockets of BGP between two ends of one loopback, in a network namespace of the test: BGP-11 (RFC
// 5082, RFC 2385, strangers), BGP-14 and BGP-22 (nothing waits).
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>

#include "control/bgp/transport/transport.h"
#include "tests/unit/bgp/support.h"

namespace kanmon::bgp {
namespace {

using namespace std::chrono_literals;
using wire::IpAddress;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

// A neighbour that keeps what it is told.
struct End : TcpPeer {
  void connected(std::unique_ptr<Stream> s) override { stream = std::move(s); }
  void connect_failed(const std::string& why) override { failures.push_back(why); }
  void accepted(std::unique_ptr<Stream> s) override { stream = std::move(s); }
  void received(Way, wire::Bytes octets) override {
    in.insert(in.end(), octets.begin(), octets.end());
  }
  void closed(Way) override {
    ++closes;
    stream.reset();
  }
  void writable(Way) override { ++writables; }

  std::unique_ptr<Stream> stream;
  Octets in;
  std::vector<std::string> failures;
  unsigned closes = 0, writables = 0;
};

class BgpTransport : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    options.where = spaces.of("test", "", why);
    if (!options.where) GTEST_SKIP() << why;
  }

  // The options of an end at `local`.
  TcpOptions at(std::string_view local) const {
    TcpOptions o = options;
    o.local = ip(local);
    return o;
  }
  // Turns both transports until `done`, or for as long as a handshake may take.
  bool turn(const std::function<bool()>& done, Duration most = 10s) {
    const TimePoint end = std::chrono::steady_clock::now() + most;
    while (!done()) {
      const TimePoint now = std::chrono::steady_clock::now();
      if (now > end) return false;
      if (left.poll(now) + right.poll(now) != 0) continue;
      pollfd both[] = {{left.descriptor(), POLLIN, 0}, {right.descriptor(), POLLIN, 0}};
      (void)::poll(both, 2, 5);
    }
    return true;
  }
  // Connects `a` on the left, with these options, to `b` on the right.
  bool join(const TcpOptions& for_a, const TcpOptions& for_b, Duration most = 10s) {
    std::string why;
    EXPECT_TRUE(left.add(a, *for_b.local, for_a, why)) << why;
    EXPECT_TRUE(right.add(b, *for_a.local, for_b, why)) << why;
    left.connect(a);
    return turn([&] { return a.stream && b.stream; }, most);
  }

  host::Namespaces spaces;
  TcpOptions options;
  End a, b;  // destroyed after the transports, which know of them until then
  Transport left, right;
  void TearDown() override {
    a.stream.reset();
    b.stream.reset();
  }
};

TEST_F(BgpTransport, OctetsGoBothWaysAndTheEndIsTold) {
  ASSERT_TRUE(join(at("127.0.0.1"), at("127.0.0.2")));
  EXPECT_EQ(a.stream->remote(), (wire::Endpoint{ip("127.0.0.2"), 179}));
  EXPECT_EQ(b.stream->local(), (wire::Endpoint{ip("127.0.0.2"), 179}));
  EXPECT_EQ(b.stream->remote().address, ip("127.0.0.1"));
  EXPECT_EQ(a.stream->write(hex("010203")), 3u);
  EXPECT_EQ(b.stream->write(hex("04")), 1u);
  ASSERT_TRUE(turn([&] { return b.in.size() == 3 && a.in.size() == 1; }));
  EXPECT_EQ(b.in, hex("010203"));
  a.stream.reset();
  EXPECT_TRUE(turn([&] { return b.closes == 1; }));
}

// Of ::1 there is one only, so that one end does not listen.
TEST_F(BgpTransport, Ipv6) {
  TcpOptions for_a = at("::1");
  for_a.listens = false;
  for_a.device = "lo";
  for_a.gtsm = true;
  TcpOptions for_b = at("::1");
  for_b.gtsm = true;
  ASSERT_TRUE(join(for_a, for_b));
  EXPECT_EQ(a.stream->remote(), (wire::Endpoint{ip("::1"), 179}));
  EXPECT_EQ(b.stream->write(hex("05")), 1u);
  EXPECT_TRUE(turn([&] { return a.in.size() == 1; }));
}

TEST_F(BgpTransport, NobodyListens) {
  std::string why;
  TcpOptions alone = at("127.0.0.1");
  ASSERT_TRUE(left.add(a, ip("127.0.0.9"), alone, why)) << why;
  left.connect(a);
  ASSERT_TRUE(turn([&] { return !a.failures.empty(); }));
  EXPECT_EQ(a.failures[0], "Connection refused");
}

TEST_F(BgpTransport, WhatTheKernelRefusesIsToldLater) {
  std::string why;
  TcpOptions strange = at("127.0.0.1");
  ASSERT_TRUE(left.add(a, ip("198.51.100.1"), strange, why)) << why;
  left.connect(a);
  EXPECT_TRUE(a.failures.empty());  // not from within connect()
  ASSERT_TRUE(turn([&] { return !a.failures.empty(); }));
  End other;
  EXPECT_FALSE(left.add(other, ip("198.51.100.2"), at("203.0.113.1"), why));
  EXPECT_EQ(why, "address 203.0.113.1: Cannot assign requested address");
}

TEST_F(BgpTransport, Bgp11StrangersAreClosedUnread) {
  std::string why;
  ASSERT_TRUE(right.add(b, ip("127.0.0.1"), at("127.0.0.2"), why)) << why;
  ASSERT_TRUE(left.add(a, ip("127.0.0.2"), at("127.0.0.3"), why)) << why;
  left.connect(a);
  ASSERT_TRUE(turn([&] { return a.closes == 1 || !a.failures.empty(); }));
  EXPECT_EQ(right.refused(), 1u);
  EXPECT_FALSE(b.stream);
}

TEST_F(BgpTransport, Bgp11AStrangerAfterItWasRemoved) {
  ASSERT_TRUE(join(at("127.0.0.1"), at("127.0.0.2")));
  b.stream.reset();
  right.remove(b);
  ASSERT_TRUE(turn([&] { return a.closes == 1; }));
  // With the last neighbour the listener is gone too.
  left.connect(a);
  ASSERT_TRUE(turn([&] { return !a.failures.empty(); }));
  EXPECT_EQ(a.failures[0], "Connection refused");
}

std::shared_ptr<const Secret> key(std::string_view text) {
  return std::make_shared<const Secret>(
      wire::Bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

struct Md5Case {
  const char* name;
  const char* left;
  const char* right;
  bool comes_up;
};

TEST_F(BgpTransport, Bgp11Md5) {
  for (const Md5Case& c :
       {Md5Case{"same", "secret", "secret", true}, Md5Case{"differ", "secret", "Secret", false},
        Md5Case{"one without", "secret", nullptr, false},
        Md5Case{"other without", nullptr, "secret", false}}) {
    TcpOptions for_a = at("127.0.0.1"), for_b = at("127.0.0.2");
    if (c.left != nullptr) for_a.md5 = key(c.left);
    if (c.right != nullptr) for_b.md5 = key(c.right);
    // A SYN that is not signed right is not answered: half a second of silence.
    EXPECT_EQ(join(for_a, for_b, c.comes_up ? 10s : 500ms), c.comes_up) << c.name;
    a.stream.reset();
    b.stream.reset();
    left.remove(a);
    right.remove(b);
  }
}

struct GtsmCase {
  const char* name;
  bool left, right;
  uint8_t left_hops, right_hops;
  bool comes_up;
};

TEST_F(BgpTransport, Bgp11Gtsm) {
  for (const GtsmCase& c :
       {GtsmCase{"both", true, true, 1, 1, true}, GtsmCase{"neither", false, false, 1, 1, true},
        GtsmCase{"listener alone: TTL 1 is not 255", false, true, 1, 1, false},
        GtsmCase{"listener alone: TTL 254 is not 255", false, true, 254, 1, false},
        GtsmCase{"two hops: TTL 254 will do", false, true, 254, 2, true},
        GtsmCase{"caller alone: the answer has TTL 64", true, false, 1, 64, false}}) {
    TcpOptions for_a = at("127.0.0.1"), for_b = at("127.0.0.2");
    for_a.gtsm = c.left;
    for_b.gtsm = c.right;
    for_a.hops = c.left_hops;
    for_b.hops = c.right_hops;
    EXPECT_EQ(join(for_a, for_b, c.comes_up ? 10s : 500ms), c.comes_up) << c.name;
    a.stream.reset();
    b.stream.reset();
    left.remove(a);
    right.remove(b);
  }
}

TEST_F(BgpTransport, RangesAdmitWhoIsInThem) {
  std::string why;
  std::vector<std::string> asked;
  const auto admit = [&](const IpAddress& who) {
    asked.push_back(who.to_string());
    return who == ip("127.0.1.7") ? &b : nullptr;
  };
  TcpOptions for_range = at("127.0.0.2");
  for_range.md5 = key("of all");
  ASSERT_TRUE(right.add_range(wire::Prefix::parse("127.0.1.0/24").value(), for_range, admit, why))
      << why;
  TcpOptions for_a = at("127.0.1.7");
  for_a.md5 = key("of all");
  ASSERT_TRUE(left.add(a, ip("127.0.0.2"), for_a, why)) << why;
  left.connect(a);
  ASSERT_TRUE(turn([&] { return a.stream && b.stream; }));
  EXPECT_EQ(asked, std::vector<std::string>{"127.0.1.7"});
  right.remove_range(wire::Prefix::parse("127.0.1.0/24").value());
}

// BGP-22: a neighbour that reads nothing stops its own writer and nobody else.
TEST_F(BgpTransport, Bgp22AFullConnectionIsTold) {
  ASSERT_TRUE(join(at("127.0.0.1"), at("127.0.0.2")));
  const Octets block(256 * 1024, 7);
  std::size_t sent = 0, taken = 0;
  do {
    taken = a.stream->write(block);
    sent += taken;
  } while (taken == block.size() && sent < 64u << 20);
  ASSERT_LT(taken, block.size());
  EXPECT_EQ(a.writables, 0u);
  ASSERT_TRUE(turn([&] { return b.in.size() == sent && a.writables != 0; }));
}

// The last words arrive although the other side has sent what nobody read.
TEST_F(BgpTransport, TheLastWordsArrive) {
  ASSERT_TRUE(join(at("127.0.0.1"), at("127.0.0.2")));
  const Octets unread(100'000, 1);
  EXPECT_EQ(b.stream->write(unread), unread.size());
  const Octets last = encode(Notification::cease(Cease::kShutdown, "bye"));
  EXPECT_EQ(a.stream->write(last), last.size());
  a.stream.reset();
  ASSERT_TRUE(turn([&] { return b.closes == 1; }));
  EXPECT_EQ(b.in, last);
}

TEST_F(BgpTransport, CancelledConnectionsStaySilent) {
  std::string why;
  ASSERT_TRUE(left.add(a, ip("127.0.0.9"), at("127.0.0.1"), why)) << why;
  left.connect(a);
  left.cancel_connect(a);
  EXPECT_FALSE(turn([&] { return !a.failures.empty() || a.stream; }, 100ms));
}

}  // namespace
}  // namespace kanmon::bgp
