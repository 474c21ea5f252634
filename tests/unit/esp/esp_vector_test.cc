// ESP against scapy, an implementation that shares no line with this one; see
// tests/vectors/gen_esp.py for what the vectors hold.
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include "dataplane/wire/checksum.h"
#include "tests/support/esp_bed.h"

namespace kanmon::test {
namespace {

struct Vector {
  std::string kind, algorithm;
  int outer, inner, udp, esn;
  Octets keymat;
  uint32_t spi;
  uint64_t sequence;
  std::string clear, sealed;  // hex, or payload length and digest
};

std::vector<Vector> read_vectors(const std::string& kind) {
  std::ifstream file("tests/vectors/esp.vectors");
  std::vector<Vector> out;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(kind, 0) != 0) continue;
    std::istringstream in(line);
    Vector v;
    std::string keymat;
    in >> v.kind >> v.algorithm >> v.outer >> v.inner >> v.udp >> v.esn >> keymat >> std::hex >>
        v.spi >> std::dec >> v.sequence >> v.clear >> v.sealed;
    v.keymat = from_hex(keymat);
    out.push_back(v);
  }
  return out;
}

TunnelSpec spec_of(const Vector& v, uint32_t tunnel) {
  TunnelSpec t;
  for (const esp::AlgorithmInfo& row : esp::kAlgorithms)
    if (v.algorithm == row.name) t.algorithm = row.algorithm;
  t.outer6 = v.outer == 6;
  t.udp = v.udp != 0;
  t.esn = v.esn != 0;
  t.spi = v.spi;
  t.tunnel = tunnel;
  t.keymat = v.keymat;
  return t;
}

// The flow label is each sender's own choice (RFC 6437); scapy was told zero.
Octets without_flow_label(Octets packet) {
  if (!packet.empty() && packet[0] >> 4 == 6) {
    packet[1] &= 0xf0;
    packet[2] = packet[3] = 0;
  }
  return packet;
}

// The packet gen_esp.py calls inner(version, payload).
Octets generated_inner(int version, std::size_t payload) {
  const std::size_t header = version == 4 ? 20 : 40;
  Octets p = inner_packet({.v6 = version == 6,
                           .bytes = header + payload,
                           .traffic_class = 0xb8,
                           .protocol = 253,
                           .seed = static_cast<uint32_t>(payload)});
  for (std::size_t i = 0; i < payload; ++i) p[header + i] = static_cast<uint8_t>(i * 7 + payload);
  if (version == 6) p[1] &= 0xf0, p[2] = p[3] = 0;
  return p;
}

// ESP-18, ESP-25, ESP-35: octet for octet what scapy sends, and we open what scapy sealed.
TEST(EspVectors, BothDirections) {
  const auto vectors = read_vectors("packet ");
  ASSERT_EQ(vectors.size(), 32u * 9);
  EspBed bed;
  std::map<uint32_t, uint32_t> tunnel_of;  // by SPI
  for (const Vector& v : vectors) {
    if (tunnel_of.count(v.spi) == 0) {
      tunnel_of[v.spi] = static_cast<uint32_t>(tunnel_of.size()) + 1;
      TunnelSpec t = spec_of(v, tunnel_of[v.spi]);
      t.first_sequence = v.sequence;
      ASSERT_NE(add_tunnel(bed, t).in, nullptr);
    }
    const Octets clear = from_hex(v.clear), sealed = from_hex(v.sealed);
    EXPECT_EQ(without_flow_label(bed.encrypt_one(clear, tunnel_of[v.spi])), sealed)
        << v.algorithm << " spi " << v.spi << " length " << clear.size();
    EXPECT_EQ(bed.decrypt_one(sealed), clear) << v.spi << " length " << clear.size();
  }
  EXPECT_EQ(bed.dropped_in_all(), 0u);
  EXPECT_EQ(bed.packets_out(), 0u);
}

std::string sha256(const Octets& octets) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(octets.data(), octets.size(), digest);
  std::string hex;
  for (const uint8_t o : digest) {
    const char* digits = "0123456789abcdef";
    hex += digits[o >> 4];
    hex += digits[o & 15];
  }
  return hex;
}

// ESP-25: every payload length from 0 to 1500, octet for octet.
TEST(EspVectors, EveryLength) {
  const auto vectors = read_vectors("digest ");
  ASSERT_EQ(vectors.size(), 1501u);
  for (const Vector& v : vectors) {
    EspBed bed;
    TunnelSpec t = spec_of(v, 1);
    t.first_sequence = v.sequence;
    ASSERT_NE(add_tunnel(bed, t).in, nullptr);
    const std::size_t payload = std::stoul(v.clear);
    const Octets clear = generated_inner(v.inner, payload);
    const Octets sealed = bed.encrypt_one(clear, 1);
    ASSERT_EQ(sha256(without_flow_label(sealed)), v.sealed) << "payload " << payload;
    if (v.sequence >> 32 == 0) {
      ASSERT_EQ(bed.decrypt_one(sealed), clear) << payload;
    }
  }
}

}  // namespace
}  // namespace kanmon::test
