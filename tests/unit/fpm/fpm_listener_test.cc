// The listener with a real TCP peer on the loopback.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/fpm/listener.h"
#include "tests/unit/fpm/netlink_writer.h"

namespace kanmon::fpm {
namespace {

struct Count : Routes::Sink {
  int sets = 0, unsets = 0;
  void set(const wire::Prefix&, std::span<const Way>) override { ++sets; }
  void unset(const wire::Prefix&) override { ++unsets; }
};

class Peer {
 public:
  explicit Peer(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~Peer() { close(fd_); }
  void send(const Octets& octets) {
    EXPECT_EQ(::send(fd_, octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
  }
  // The other end closed.
  bool ended() {
    char c = 0;
    return recv(fd_, &c, 1, 0) <= 0;
  }

 private:
  int fd_;
};

class FpmListener : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    listener = Listener::open(nullptr, {*wire::IpAddress::parse("127.0.0.1"), 0}, routes, why);
    ASSERT_NE(listener, nullptr) << why;
  }
  // Until `done`, or a second of the wall clock has passed.
  template <class F>
  bool turn(F done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (!done() && std::chrono::steady_clock::now() < end) listener->poll(now);
    return done();
  }

  TimePoint now{};
  Count sink;
  Routes routes{sink, {}};
  std::unique_ptr<Listener> listener;
};

TEST_F(FpmListener, FeedsTheTable) {
  Peer peer(listener->port());
  peer.send(
      frame(route(RTM_NEWROUTE, "10.0.0.0/8", {attribute(RTA_GATEWAY, octets_of("10.1.1.1"))})));
  EXPECT_TRUE(turn([&] { return sink.sets == 1; }));
  EXPECT_TRUE(listener->is_connected());
  EXPECT_EQ(listener->connections(), 1u);
}

TEST_F(FpmListener, KeepsTheRoutesWhenTheConnectionEnds) {
  {
    Peer peer(listener->port());
    peer.send(
        frame(route(RTM_NEWROUTE, "10.0.0.0/8", {attribute(RTA_GATEWAY, octets_of("10.1.1.1"))})));
    EXPECT_TRUE(turn([&] { return sink.sets == 1; }));
  }
  EXPECT_TRUE(turn([&] { return !listener->is_connected(); }));
  EXPECT_EQ(routes.size(), 1u);
  EXPECT_EQ(sink.unsets, 0);
  EXPECT_EQ(listener->last_error(), "closed by the peer");
}

TEST_F(FpmListener, ANewerConnectionReplacesTheOld) {
  Peer old(listener->port());
  EXPECT_TRUE(turn([&] { return listener->connections() == 1; }));
  Peer next(listener->port());
  EXPECT_TRUE(turn([&] { return listener->connections() == 2; }));
  EXPECT_TRUE(old.ended());
  next.send(
      frame(route(RTM_NEWROUTE, "10.0.0.0/8", {attribute(RTA_GATEWAY, octets_of("10.1.1.1"))})));
  EXPECT_TRUE(turn([&] { return sink.sets == 1; }));
}

TEST_F(FpmListener, EndsWithWhomItDoesNotUnderstand) {
  Peer peer(listener->port());
  peer.send({9, 9, 9, 9});
  EXPECT_TRUE(turn([&] { return listener->connections() == 1 && !listener->is_connected(); }));
  EXPECT_TRUE(peer.ended());
  EXPECT_EQ(listener->last_error(), "a frame of another version or type");
}

TEST_F(FpmListener, SaysWhyAPortCannotBeHad) {
  std::string why;
  const wire::Endpoint taken{*wire::IpAddress::parse("127.0.0.1"), listener->port()};
  EXPECT_EQ(Listener::open(nullptr, taken, routes, why), nullptr);
  EXPECT_NE(why.find("Address already in use"), std::string::npos) << why;
}

}  // namespace
}  // namespace kanmon::fpm
