// The blocks of a capture file, octet by octet as draft-ietf-opsawg-pcapng draws them
// (sections 4.1, 4.2, 4.3, 4.6); that tshark reads them is shown by flow 222_capture. And base64
// (RFC 4648 section 10).
#include "control/watch/pcapng.h"

#include <vector>

#include <gtest/gtest.h>

#include "control/common/base64.h"

namespace kanmon::watch {
namespace {

std::string octets(std::initializer_list<int> values) {
  std::string out;
  for (const int v : values) out += static_cast<char>(v);
  return out;
}

TEST(Pcapng, SectionHeader) {
  std::string out;
  pcapng::begin(out, "Kanmon");
  EXPECT_EQ(out,
            octets({0x0a, 0x0d, 0x0d, 0x0a, 44,  0,   0,   0,   0x4d, 0x3c, 0x2b, 0x1a, 1, 0,   0,
                    0,    255,  255,  255,  255, 255, 255, 255, 255,  4,    0,    6,    0, 'K', 'a',
                    'n',  'm',  'o',  'n',  0,   0,   0,   0,   0,    0,    44,   0,    0, 0}));
}

TEST(Pcapng, InterfaceInNanoseconds) {
  std::string out;
  pcapng::interface(out, pcapng::Link::kRawIp, 128, "lan1");
  EXPECT_EQ(out,
            octets({1,   0,   0,   0,   40, 0, 0, 0, 101, 0, 0, 0, 128, 0, 0, 0, 2,  0, 4, 0,
                    'l', 'a', 'n', '1', 9,  0, 1, 0, 9,   0, 0, 0, 0,   0, 0, 0, 40, 0, 0, 0}));
}

TEST(Pcapng, PacketWithDirectionAndComment) {
  const std::vector<uint8_t> data = {1, 2, 3, 4, 5};
  pcapng::Packet p;
  p.interface = 3;
  p.time_ns = 0x0102030405060708;
  p.length = 1500;
  p.octets = data;
  p.direction = pcapng::Direction::kOut;
  p.comment = "hi";
  std::string out;
  pcapng::packet(out, p);
  EXPECT_EQ(out, octets({6, 0, 0, 0, 60,   0, 0, 0, 3,   0,   0, 0, 4, 3, 2, 1, 8,  7, 6, 5,
                         5, 0, 0, 0, 0xdc, 5, 0, 0, 1,   2,   3, 4, 5, 0, 0, 0, 2,  0, 4, 0,
                         2, 0, 0, 0, 1,    0, 2, 0, 'h', 'i', 0, 0, 0, 0, 0, 0, 60, 0, 0, 0}));
}

TEST(Pcapng, PlainPacketAndStatistics) {
  std::string out;
  pcapng::packet(out, {});
  EXPECT_EQ(out, octets({6, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0,
                         0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0}));
  out.clear();
  pcapng::statistics(out, 1, 0, 7);
  EXPECT_EQ(out, octets({5, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0,
                         5, 0, 8, 0, 7,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0}));
}

TEST(Base64, AsInTheRfc) {
  const std::pair<const char*, const char*> kRows[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : kRows) {
    EXPECT_EQ(to_base64(plain), text);
    EXPECT_EQ(from_base64(text), plain);
  }
  for (const char* bad :
       {"Z", "Zg=", "Zg", "Zh==", "Zm9=", "Z=g=", "====", "Zm9v\n", "Zg==Zg==", "Zm_v"})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

}  // namespace
}  // namespace kanmon::watch
