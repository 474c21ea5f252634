// The set of host devices: all or nothing, each packet to its own device, everything counted.
#include "control/host/devices.h"

#include <deque>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "dataplane/packet/packet.h"
#include "tests/support/stage_bed.h"

namespace kanmon::host {
namespace {

using test::ip;
using test::Octets;
using test::udp;

// What the test sees of a device: a pipe makes it readable.
struct Ends {
  std::deque<Octets> from_machine;
  std::vector<Octets> to_machine;
  bool is_full = false;
  bool is_open = true;
  int pipe[2] = {-1, -1};
};

class FakeWire final : public Wire {
 public:
  explicit FakeWire(Ends& ends) : ends_(ends) { EXPECT_EQ(pipe2(ends.pipe, O_NONBLOCK), 0); }
  ~FakeWire() override {
    (void)close(ends_.pipe[0]);
    (void)close(ends_.pipe[1]);
    ends_.is_open = false;
  }
  Status write(wire::Bytes packet) override {
    if (ends_.is_full) return Errc::kNoSpace;
    ends_.to_machine.emplace_back(packet.begin(), packet.end());
    return success();
  }
  std::size_t read(wire::MutableBytes room) override {
    uint8_t token;
    if (ends_.from_machine.empty() || ::read(ends_.pipe[0], &token, 1) != 1) return 0;
    const Octets packet = ends_.from_machine.front();
    ends_.from_machine.pop_front();
    std::copy(packet.begin(), packet.end(), room.begin());
    return packet.size();
  }
  int descriptor() const override { return ends_.pipe[0]; }

 private:
  Ends& ends_;
};

DeviceSpec spec_of(const char* name, uint32_t tunnel, const char* address) {
  return {.name = name,
          .owner = std::string("tunnel ") + name,
          .tunnel = tunnel,
          .table = 2,
          .mtu = 1380,
          .addresses = {*wire::InterfaceAddress::parse(address)},
          .services = {config::kHostBgp}};
}

Octets bgp(const char* from, const char* to) {
  return ip({from, to, 6}, udp(40'000, 179, Octets(20, 7)));
}

class HostDevices : public ::testing::Test {
 protected:
  void machine_sends(const std::string& device, const Octets& packet) {
    ends[device].from_machine.push_back(packet);
    ASSERT_EQ(::write(ends[device].pipe[1], "x", 1), 1);
  }
  const DeviceCounters& counters(const std::string& device) {
    for (const auto& [spec, c] : devices.list())
      if (spec.name == device) return c;
    ADD_FAILURE() << device;
    static const DeviceCounters kNone;
    return kNone;
  }

  std::map<std::string, Ends> ends;
  std::string refused;  // a name that cannot be opened
  std::vector<std::pair<std::string, Octets>> sent;
  bool is_gateway_full = false;
  Devices devices{[this](const DeviceSpec& d, wire::Bytes p) -> Status {
                    if (is_gateway_full) return Errc::kNoSpace;
                    sent.emplace_back(d.name, Octets(p.begin(), p.end()));
                    return success();
                  },
                  [this](const WireOptions& o, std::string& why) -> std::unique_ptr<Wire> {
                    if (o.name != refused) return std::make_unique<FakeWire>(ends[o.name]);
                    why = o.name + " is busy";
                    return nullptr;
                  }};
};

TEST_F(HostDevices, DeliverToTheTunnelsOwnDeviceOnly) {
  std::string why;
  const std::vector<DeviceSpec> both = {spec_of("kn-a", 1, "169.254.21.2/30"),
                                        spec_of("kn-b", 2, "169.254.22.2/30")};
  ASSERT_TRUE(devices.prepare(both, why)) << why;
  EXPECT_TRUE(devices.commit(both).empty());
  const Octets hello = bgp("169.254.21.1", "169.254.21.2");
  devices.deliver(2, 1, hello);
  EXPECT_EQ(ends["kn-a"].to_machine, std::vector<Octets>{hello});
  devices.deliver(2, 2, hello);          // by the wrong tunnel
  devices.deliver(2, kNoTunnel, hello);  // by a port
  devices.deliver(3, 1, hello);          // in another table
  devices.deliver(2, 1, Octets{});
  EXPECT_EQ(devices.unclaimed(), 4u);
  devices.deliver(2, 1, ip({"169.254.21.1", "169.254.21.2", 6}, udp(40'000, 22, {})));
  EXPECT_EQ(counters("kn-a").refused_in[static_cast<std::size_t>(Verdict::kService)], 1u);
  ends["kn-a"].is_full = true;
  devices.deliver(2, 1, hello);
  EXPECT_EQ(counters("kn-a").host_queue_full, 1u);
  EXPECT_EQ(counters("kn-a").to_host, 1u);
  EXPECT_EQ(counters("kn-a").to_host_bytes, hello.size());
  EXPECT_TRUE(ends["kn-b"].to_machine.empty());
}

TEST_F(HostDevices, SendWhatTheMachineSaysInItsOwnName) {
  std::string why;
  const std::vector<DeviceSpec> both = {spec_of("kn-a", 1, "169.254.21.2/30"),
                                        spec_of("kn-b", 2, "fd00::2/126")};
  ASSERT_TRUE(devices.prepare(both, why)) << why;
  (void)devices.commit(both);
  EXPECT_EQ(devices.poll(), 0u);
  const Octets a = bgp("169.254.21.2", "169.254.21.1"), b = bgp("fd00::2", "fd00::1");
  machine_sends("kn-a", a);
  machine_sends("kn-a", bgp("10.0.0.1", "169.254.21.1"));
  machine_sends("kn-b", b);
  EXPECT_EQ(devices.poll(), 3u);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(counters("kn-a").refused_out[static_cast<std::size_t>(Verdict::kSource)], 1u);
  is_gateway_full = true;
  machine_sends("kn-b", b);
  EXPECT_EQ(devices.poll(), 1u);
  EXPECT_EQ(counters("kn-b").gateway_full, 1u);
  EXPECT_EQ(counters("kn-b").from_host, 1u);
}

TEST_F(HostDevices, BusyDeviceLeavesRoomForTheOthers) {
  std::string why;
  const std::vector<DeviceSpec> both = {spec_of("kn-a", 1, "169.254.21.2/30"),
                                        spec_of("kn-b", 2, "fd00::2/126")};
  ASSERT_TRUE(devices.prepare(both, why));
  (void)devices.commit(both);
  for (int i = 0; i < 100; ++i) machine_sends("kn-a", bgp("169.254.21.2", "169.254.21.1"));
  machine_sends("kn-b", bgp("fd00::2", "fd00::1"));
  (void)devices.poll(10);
  EXPECT_TRUE(
      std::any_of(sent.begin(), sent.end(), [](const auto& s) { return s.first == "kn-b"; }));
}

TEST_F(HostDevices, ChangeAllOrNothing) {
  std::string why;
  const std::vector<DeviceSpec> first = {spec_of("kn-a", 1, "169.254.21.2/30")};
  ASSERT_TRUE(devices.prepare(first, why));
  (void)devices.commit(first);
  refused = "kn-c";
  const std::vector<DeviceSpec> next = {spec_of("kn-b", 2, "fd00::2/126"),
                                        spec_of("kn-c", 3, "169.254.23.2/30")};
  EXPECT_FALSE(devices.prepare(next, why));
  EXPECT_EQ(why, "kn-c is busy");
  EXPECT_FALSE(ends["kn-b"].is_open) << "what was made for it is gone again";
  EXPECT_TRUE(ends["kn-a"].is_open);
  EXPECT_EQ(devices.list().size(), 1u);
  refused.clear();
  ASSERT_TRUE(devices.prepare(next, why)) << why;
  (void)devices.commit(next);
  EXPECT_FALSE(ends["kn-a"].is_open);
  EXPECT_EQ(devices.list().size(), 2u);
  // Another owner or MTU under the same name.
  auto moved = next;
  moved[0].owner = "tunnel other";
  EXPECT_FALSE(devices.prepare(moved, why));
  EXPECT_NE(why.find("kn-b"), std::string::npos) << why;
  // Numbers and services may change while it is up.
  auto renumbered = next;
  renumbered[0].tunnel = 9;
  renumbered[0].services = {config::HostService{}};
  ASSERT_TRUE(devices.prepare(renumbered, why));
  (void)devices.commit(renumbered);
  devices.deliver(2, 9, ip({"fd00::1", "fd00::2", 17}, udp(1, 2, {})));
  EXPECT_EQ(ends["kn-b"].to_machine.size(), 1u);
}

}  // namespace
}  // namespace kanmon::host
