// Ports on real kernel interfaces, in a network namespace of the test's own: af_packet and af_xdp
// on veth, tap, and the warnings that keep one out of their traps. Skipped without the right to
// make namespaces.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <rte_mempool.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/port/interface.h"
#include "dataplane/wire/headers.h"
#include "dataplane/worker/dataplane.h"
#include "tests/support/sanitized.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

using test::frame;
using test::Octets;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

bool shell(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

bool own_namespace() {
  static const bool made = unshare(CLONE_NEWNET) == 0 && shell("ip link set lo up");
  return made;
}

// The far end of a veth pair: sees what the port sends, sends what the port sees.
class RawSocket {
 public:
  explicit RawSocket(const char* interface) : fd_(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  ~RawSocket() { ::close(fd_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  bool send(const Octets& f) { return ::send(fd_, f.data(), f.size(), 0) > 0; }
  // The next frame of this EtherType that the port sent; empty after two seconds.
  Octets receive(uint16_t type) {
    for (pollfd p{fd_, POLLIN, 0}; ::poll(&p, 1, 2000) > 0;) {
      Octets f(4096);
      sockaddr_ll from{};
      socklen_t size = sizeof from;
      const ssize_t n =
          recvfrom(fd_, f.data(), f.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      f.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
      if (f.size() > 14 && from.sll_pkttype != PACKET_OUTGOING && load_be<uint16_t>(&f[12]) == type)
        return f;
    }
    return {};
  }

 private:
  int fd_;
};

class KernelPort : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!own_namespace()) GTEST_SKIP() << "no right to make a network namespace";
    shell("ip link del kanA");
    ASSERT_TRUE(shell("ip link add kanA type veth peer name kanB"));
    for (const char* end : {"kanA", "kanB"}) {
      const std::string name = end;
      ASSERT_TRUE(shell("sysctl -qw net.ipv6.conf." + name + ".disable_ipv6=1"));
      ASSERT_TRUE(shell("ip link set " + name + " up"));
    }
  }
  void quiet_offloads() {
    for (const char* end : {"kanA", "kanB"})
      ASSERT_TRUE(shell(std::string("ethtool -K ") + end + " tx off tso off gso off gro off"));
  }
  static DataPlane& dataplane() {
    static std::unique_ptr<DataPlane> made = [] {
      DataPlaneOptions options;
      options.workers = 2;
      options.packet_buffers = 8191;
      options.capacity = {64, 64};
      Outcome<std::unique_ptr<DataPlane>> d = DataPlane::start(options);
      if (!d) std::abort();
      return std::move(*d.value);
    }();
    return *made;
  }
  Outcome<PortInfo> open(const std::string& device) {
    PortOptions options;
    options.name = "wan";
    options.device = device;
    return dataplane().open_port(options);
  }
  // ARP from the far end reaches control, a frame of control reaches the far end.
  void exchange(const PortInfo& port, const char* far, std::size_t octets = 60) {
    RawSocket other(far);
    PortRecord record;
    record.in_use = true;
    record.role = TableRole::kUnderlay;
    record.table = 1;
    record.mtu = port.mtu;
    record.mac = port.mac;
    ASSERT_TRUE(dataplane().wait_for(dataplane().publish(rings::SetPort{port.id, record})).ok());
    const Octets question = frame(Octets(octets, 0x21), test::kBroadcast, wire::kEtherTypeArp);
    ASSERT_TRUE(other.send(question));
    Octets punted;
    for (int i = 0; i < 40'000 && punted.empty(); ++i) {
      dataplane().poll([&](const Punted& p) { punted.assign(p.bytes.begin(), p.bytes.end()); },
                       [](uint16_t, rings::Event) {});
      usleep(50);
    }
    EXPECT_EQ(punted, question);
    const Octets answer = frame(Octets(octets, 0x42), test::kTheirMac, 0x88b5);
    ASSERT_TRUE(dataplane().send_frame(port.id, answer).ok());
    EXPECT_EQ(other.receive(0x88b5), answer);
    EXPECT_GE(dataplane().port_status(port.id).rx_packets, 1u);
    EXPECT_TRUE(dataplane().port_status(port.id).link_up);
  }
};

TEST_F(KernelPort, AfPacketCarriesFramesWithAQueuePerWorker) {
  quiet_offloads();
  const Outcome<PortInfo> port = open("af_packet:kanA");
  ASSERT_TRUE(port) << port.error;
  EXPECT_THAT(port.warnings, ::testing::IsEmpty());
  EXPECT_EQ(port.value->rx_queues, 2);
  EXPECT_EQ(port.value->tx_queues, 2);
  exchange(*port.value, "kanB");
  ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
  EXPECT_EQ(dataplane().buffers_in_use(), 0u);
}

TEST_F(KernelPort, AfPacketOpensAgainAfterClose) {
  quiet_offloads();
  for (int i = 0; i < 3; ++i) {
    const Outcome<PortInfo> port = open("af_packet:kanA");
    ASSERT_TRUE(port) << port.error;
    ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
  }
}

TEST_F(KernelPort, WarnsOfOffloadsAddressesAndALinkThatIsDown) {
  ASSERT_TRUE(shell("ethtool -K kanA tx on tso on gso on gro on"));
  ASSERT_TRUE(shell("ip addr add 192.0.2.1/24 dev kanA"));
  Outcome<PortInfo> port = open("af_packet:kanA");
  ASSERT_TRUE(port) << port.error;
  EXPECT_THAT(
      port.warnings,
      Contains(HasSubstr("'ethtool -K kanA tx off tso off gso off gro off', and the same on "
                         "the other end of the veth pair")));
  EXPECT_THAT(port.warnings, Contains(HasSubstr("'ip addr flush dev kanA'")));
  ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
  EXPECT_THAT(port::interface_warnings("kanA", true), Not(Contains(HasSubstr("addresses"))));
  quiet_offloads();
  ASSERT_TRUE(shell("ip addr flush dev kanA; ip link set kanA down"));
  EXPECT_THAT(port::interface_warnings("kanA"),
              ::testing::ElementsAre(HasSubstr("'ip link set kanA up'")));
}

// With AF_XDP the driver itself receives into the packet pool: buffers are out while it is open.
TEST_F(KernelPort, AfXdpCarriesFramesAndLeavesNoProgramBehind) {
  quiet_offloads();
  const Outcome<PortInfo> port = open("af_xdp:kanA");
  ASSERT_TRUE(port) << port.error;
  EXPECT_EQ(port.value->rx_queues, 1);
  exchange(*port.value, "kanB");
  EXPECT_TRUE(shell("ip -d link show kanA | grep -q prog/xdp"));
  ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
  EXPECT_FALSE(shell("ip -d link show kanA | grep -q prog/xdp")) << "program left behind";
  EXPECT_EQ(dataplane().buffers_in_use(), 0u);
  EXPECT_FALSE(port::detach_xdp("kanA")) << "nothing left to detach";
}

// What has no SA never reaches a worker, what has one does, and rules follow.
TEST_F(KernelPort, AfXdpDropsUnknownSpisInFrontOfTheWorkers) {
  quiet_offloads();
  const Outcome<PortInfo> port = open("af_xdp:kanA");
  ASSERT_TRUE(port) << port.error;
  EXPECT_THAT(port.warnings, ::testing::IsEmpty());
  const uint16_t id = port.value->id;
  ASSERT_TRUE(dataplane().front().has(id));
  constexpr uint32_t kKnown = 0xc0a80017;
  dataplane().front().announce_spi(kKnown);
  ASSERT_TRUE(dataplane().front().set(id, {xdp::kRoleUnderlay, port.value->mac, {}}));
  RawSocket other("kanB");
  const auto esp = [&](uint32_t spi) {
    Octets o(64, 0xa5);
    store_be(o.data(), spi);
    return frame(test::ip({"192.0.2.2", "192.0.2.1", wire::kProtocolEsp}, o), port.value->mac);
  };
  constexpr uint64_t kBad = 50, kGood = 7;
  for (uint32_t i = 0; i < kBad; ++i) ASSERT_TRUE(other.send(esp(0xdead0000 + i)));
  for (uint32_t i = 0; i < kGood; ++i) ASSERT_TRUE(other.send(esp(kKnown)));
  for (int i = 0; i < 40'000 && dataplane().port_status(id).rx_packets < kGood; ++i) usleep(50);
  EXPECT_EQ(dataplane().port_status(id).rx_packets, kGood);
  EXPECT_EQ(dataplane().front().counts(id)[xdp::kVerdictUnknownSpi], kBad);
  EXPECT_EQ(dataplane().front().counts(id)[xdp::kVerdictEsp], kGood);
  dataplane().front().withdraw_spi(kKnown);
  ASSERT_TRUE(dataplane().close_port(id).ok());
  EXPECT_FALSE(dataplane().front().has(id));
  EXPECT_GE(dataplane().front().counts()[xdp::kVerdictUnknownSpi], kBad)
      << "counted on when it is closed";
}

TEST_F(KernelPort, AfXdpWithTheLibrarysProgramGivesEverythingToTheWorkers) {
  quiet_offloads();
  for (const bool library : {true, false}) {
    PortOptions options;
    options.name = "wan";
    options.device = library ? "af_xdp:kanA" : "af_xdp:kanA,xdp_prog=/nonexistent";
    if (library) options.xdp = XdpProgram::kLibrary;
    const Outcome<PortInfo> port = dataplane().open_port(options);
    EXPECT_EQ(bool(port), library) << "a program of the operator's own is his to name";
    if (!port) continue;
    EXPECT_FALSE(dataplane().front().has(port.value->id));
    EXPECT_TRUE(dataplane().front().set(port.value->id, {})) << "nothing to do";
    exchange(*port.value, "kanB");
    ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
  }
}

uint64_t resident_kib() {
  unsigned long pages = 0, resident = 0;
  std::FILE* f = std::fopen("/proc/self/statm", "r");
  if (f == nullptr || std::fscanf(f, "%lu %lu", &pages, &resident) != 2) std::abort();
  std::fclose(f);
  return uint64_t{resident} * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

uint32_t count_pools() {
  uint32_t n = 0;
  rte_mempool_walk([](rte_mempool*, void* count) { ++*static_cast<uint32_t*>(count); }, &n);
  return n;
}

// A device's pool is 21 MiB, of which the driver keeps a quarter at close: it is taken back and
// serves the next device. The frames of the next one arrive whole: the kernel let go of the memory.
TEST_F(KernelPort, AfXdpComesAndGoesInBoundedMemory) {
  quiet_offloads();
  uint64_t settled = 0;
  uint32_t pools = 0;
  for (int i = 0; i < 22; ++i) {
    const Outcome<PortInfo> port = open("af_xdp:kanA");
    ASSERT_TRUE(port) << i << ": " << port.error;
    exchange(*port.value, "kanB");
    ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
    if (i == 1) {
      settled = resident_kib();
      pools = count_pools();
    }
  }
  EXPECT_EQ(count_pools(), pools);
  // A sanitizer keeps what is freed for a while.
  if (!test::kSanitized) {
    EXPECT_LT(resident_kib(), settled + 8 * 1024);
  }
}

// Two devices at once have two pools, and neither takes the other's.
TEST_F(KernelPort, TwoAfXdpDevicesShareNothing) {
  quiet_offloads();
  for (int i = 0; i < 3; ++i) {
    const Outcome<PortInfo> a = open("af_xdp:kanA"), b = open("af_xdp:kanB");
    ASSERT_TRUE(a) << a.error;
    ASSERT_TRUE(b) << b.error;
    ASSERT_TRUE(dataplane().close_port(a.value->id).ok());
    ASSERT_TRUE(dataplane().close_port(b.value->id).ok());
  }
}

// The driver says that it takes 1,518 octets at most, and takes what its ring has room for.
TEST_F(KernelPort, AfPacketCarriesWhatItsRingHolds) {
  quiet_offloads();
  constexpr uint16_t kMtu = 1800;
  ASSERT_TRUE(shell("ip link set kanB mtu 1800"));
  PortOptions options;
  options.name = "wan";
  options.device = "af_packet:kanA";
  options.mtu = kMtu;
  const Outcome<PortInfo> port = dataplane().open_port(options);
  ASSERT_TRUE(port) << port.error;
  EXPECT_TRUE(shell("ip link show kanA | grep -q 'mtu 1800'"));
  exchange(*port.value, "kanB", kMtu);
  ASSERT_TRUE(dataplane().close_port(port.value->id).ok());

  options.mtu = 9216;
  EXPECT_FALSE(dataplane().open_port(options)) << "buffers were made for less";
}

TEST_F(KernelPort, AfXdpRefusesAnMtuItsBuffersCannotHold) {
  PortOptions options;
  options.name = "wan";
  options.device = "af_xdp:kanA";
  options.mtu = 9000;
  const Outcome<PortInfo> port = dataplane().open_port(options);
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error,
            "port wan: af_xdp:kanA: MTU 9000 is more than the 1774 octets an AF_XDP buffer has "
            "room for");
}

// A gateway that was killed leaves its program; the next one must not be blind because of it.
TEST_F(KernelPort, RemovesAStaleXdpProgram) {
  quiet_offloads();
  const bpf_insn drop_all[] = {{0xb7, 0, 0, 0, XDP_DROP}, {0x95, 0, 0, 0, 0}};  // r0 = drop; exit
  const int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "stale", "GPL", drop_all, 2, nullptr);
  ASSERT_GE(program, 0);
  const int index = static_cast<int>(if_nametoindex("kanA"));
  ASSERT_EQ(bpf_xdp_attach(index, program, XDP_FLAGS_DRV_MODE, nullptr), 0);
  ::close(program);
  const Outcome<PortInfo> port = open("af_packet:kanA");
  ASSERT_TRUE(port) << port.error;
  EXPECT_THAT(port.warnings, Contains(HasSubstr("removed an XDP program that was left on kanA")));
  exchange(*port.value, "kanB");
  ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
}

TEST_F(KernelPort, TapMakesItsInterface) {
  const Outcome<PortInfo> port = open("tap:kanT");
  ASSERT_TRUE(port) << port.error;
  EXPECT_TRUE(port::interface_exists("kanT"));
  ASSERT_TRUE(dataplane().close_port(port.value->id).ok());
  EXPECT_FALSE(port::interface_exists("kanT"));
}

TEST_F(KernelPort, NullAndMemifOpenAndClose) {
  for (const char* device :
       {"null:", "memif:id=0,role=server,socket=/tmp/kanmon-port-test.sock,socket-abstract=no"}) {
    const Outcome<PortInfo> port = open(device);
    ASSERT_TRUE(port) << port.error;
    ASSERT_TRUE(dataplane().close_port(port.value->id).ok()) << device;
  }
}

}  // namespace
}  // namespace kanmon
