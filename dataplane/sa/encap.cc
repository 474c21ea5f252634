#include "dataplane/sa/encap.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/sa/mtu.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"

namespace kanmon::sa {

namespace {

// One flow label per SA, so that routers keep its packets in order (RFC 6437 section 3): inner
// flows must not overtake each other past the peer's replay window.
uint32_t flow_label(uint32_t spi) {
  return (spi * 2654435761u >> 12) | 1;
}

void put_ip4(uint8_t* h, const EncapParams& p, uint8_t protocol) {
  h[0] = 0x45;
  h[wire::ip4::kTtl] = p.ttl;
  h[wire::ip4::kProtocol] = protocol;
  std::memcpy(h + wire::ip4::kSource, p.local.address.octets.data(), 4);
  std::memcpy(h + wire::ip4::kDestination, p.remote.address.octets.data(), 4);
}

void put_ip6(uint8_t* h, const EncapParams& p, uint8_t next_header, uint32_t spi) {
  store_be(h, uint32_t{6} << 28 | flow_label(spi));
  h[wire::ip6::kNextHeader] = next_header;
  h[wire::ip6::kHopLimit] = p.ttl;
  std::memcpy(h + wire::ip6::kSource, p.local.address.octets.data(), 16);
  std::memcpy(h + wire::ip6::kDestination, p.remote.address.octets.data(), 16);
}

void put_headers(Encap& e, const EncapParams& p, uint32_t spi) {
  uint8_t* ip = e.header + Encap::kTemplateBytes - (e.header_bytes - e.iv_bytes);
  const uint8_t protocol = p.udp_encapsulation ? wire::kProtocolUdp : wire::kProtocolEsp;
  uint8_t* next = ip + ip_header_bytes(e.outer);
  if (e.outer == wire::Family::kV4) {
    put_ip4(ip, p, protocol);
    e.ip4_sum = static_cast<uint32_t>(wire::checksum_add(0, {ip, wire::kIp4Header}));
    e.ip4_sum = (e.ip4_sum & 0xffff) + (e.ip4_sum >> 16);
  } else {
    put_ip6(ip, p, protocol, spi);
  }
  if (p.udp_encapsulation) {
    store_be(next, p.local.port);
    store_be(next + 2, p.remote.port);
    next += wire::kUdpHeader;
  }
  store_be(next, spi);
}

void put_sizes(Encap& e, const EncapParams& p) {
  e.mtu = inner_mtu(p.outer_mtu, {e.algorithm, e.outer, e.udp});
  if (p.configured_mtu != 0) e.mtu = std::min(e.mtu, p.configured_mtu);
  if (!p.mss_clamp) return;
  e.mss4 = mss(e.mtu, wire::Family::kV4);
  e.mss6 = mss(e.mtu, wire::Family::kV6);
}

}  // namespace

Encap make_encap(OutboundSa* sa, const EncapParams& p, uint32_t adjacency) {
  assert(p.local.address.family == p.remote.address.family);
  assert(p.dscp != DscpMode::kMap || p.dscp_map != nullptr);
  Encap e;
  e.sa = sa;
  e.adjacency = adjacency;
  e.outer = p.local.address.family;
  e.udp = p.udp_encapsulation;
  e.dscp = p.dscp;
  e.dscp_value = p.dscp_value & 0x3f;
  e.dscp_map = p.dscp_map;
  e.df = p.df;
  e.fragmentation = p.fragmentation;
  e.pads_to_mtu = p.pads_to_mtu;
  e.outer_mtu = p.outer_mtu;
  if (sa != nullptr) {
    e.salt = sa->salt;
    e.algorithm = sa->algorithm;
    e.esn = sa->esn;
    e.any = sa->any;
  }
  const esp::AlgorithmInfo& a = esp::info(e.algorithm);
  e.iv_bytes = a.iv_bytes;
  e.icv_bytes = a.icv_bytes;
  e.align = a.align;
  e.header_bytes = static_cast<uint8_t>(header_bytes({e.algorithm, e.outer, e.udp}));
  put_headers(e, p, sa != nullptr ? sa->spi : 0);
  put_sizes(e, p);
  return e;
}

}  // namespace kanmon::sa
