// Device strings and what DPDK is told for them.
#include "dataplane/port/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kanmon::port {
namespace {

using ::testing::HasSubstr;

Device parse(const char* text, uint16_t queues = 2, uint16_t mtu = 1500) {
  return parse_device(text, 7, queues, mtu);
}

TEST(DeviceString, BecomesBusNameAndArguments) {
  struct {
    const char* text;
    const char* bus;
    const char* name;
    const char* arguments;
    uint16_t max_queues;
  } const cases[] = {
      {"pci:0000:3b:00.0", "pci", "0000:3b:00.0", "", 64},
      {"pci:0000:3b:00.0,mprq_en=1", "pci", "0000:3b:00.0", "mprq_en=1", 64},
      {"tap:kan0", "vdev", "net_tap_k7", "iface=kan0", 1},
      {"memif:id=0,role=client", "vdev", "net_memif_k7", "id=0,role=client", 1},
      {"pcap:rx=a.pcap,tx=b.pcap", "vdev", "net_pcap_k7", "rx_pcap=a.pcap,tx_pcap=b.pcap", 1},
      {"pcap:iface=lo", "vdev", "net_pcap_k7", "iface=lo", 1},
      {"null:", "vdev", "net_null_k7", "no-rx=1", 64},
      {"null:size=64", "vdev", "net_null_k7", "size=64", 64},
      {"ring:wire", "", "wire", "", 16},
      {"af_xdp:eth1", "vdev", "net_af_xdp_k7", "iface=eth1,start_queue=0,queue_count=1", 1},
      {"af_xdp:eth1,force_copy=1", "vdev", "net_af_xdp_k7",
       "iface=eth1,start_queue=0,queue_count=1,force_copy=1", 1},
  };
  for (const auto& c : cases) {
    const Device d = parse(c.text);
    EXPECT_EQ(d.error, "") << c.text;
    EXPECT_EQ(d.bus, c.bus) << c.text;
    EXPECT_EQ(d.name, c.name) << c.text;
    EXPECT_EQ(d.arguments, c.arguments) << c.text;
    EXPECT_EQ(d.max_queues, c.max_queues) << c.text;
  }
  EXPECT_EQ(parse("af_packet:eth1").interface, "eth1");
  EXPECT_EQ(parse("af_xdp:eth1,force_copy=1").interface, "eth1");
}

// The kernel's packet ring must hold whole frames, and its blocks whole numbers of them.
TEST(DeviceString, SizesThePacketRingByMtu) {
  EXPECT_THAT(parse("af_packet:eth1", 2, 1500).arguments,
              HasSubstr("iface=eth1,qpairs=2,framesz=2048,blocksz=4096"));
  EXPECT_THAT(parse("af_packet:eth1", 1, 2000).arguments, HasSubstr("framesz=2176,blocksz=139264"));
  EXPECT_THAT(parse("af_packet:eth1", 1, 9000).arguments, HasSubstr("framesz=9152,blocksz=585728"));
}

// A frame that does not fit its buffer is dropped by the kernel in silence: such an MTU is refused.
TEST(DeviceString, RefusesAnMtuBeyondTheBuffersOfAfXdp) {
  EXPECT_EQ(parse("af_xdp:eth1", 1, 1500).error, "");
  EXPECT_EQ(parse("af_xdp:eth1", 1, 1774).error, "");
  EXPECT_EQ(parse("af_xdp:eth1", 1, 1775).error,
            "MTU 1775 is more than the 1774 octets an AF_XDP buffer has room for");
  EXPECT_THAT(parse("af_xdp:eth1", 1, 9000).error, HasSubstr("MTU 9000"));
  EXPECT_EQ(parse("pci:0000:3b:00.0", 1, 9000).error, "");
}

TEST(DeviceString, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(parse("").error, HasSubstr("unknown kind"));
  EXPECT_THAT(parse("eth0").error, HasSubstr("unknown kind"));
  EXPECT_THAT(parse("dpdk:eth0").error, HasSubstr("known are pci:, af_packet:, af_xdp:"));
  for (const char* text : {"pci:", "af_packet:", "af_xdp:", "tap:", "memif:", "pcap:", "ring:"})
    EXPECT_THAT(parse(text).error, HasSubstr("expected ")) << text;
}

}  // namespace
}  // namespace kanmon::port
