// One worker's context with its tables, and SAs between it and itself: what tests of the decrypt
// and encrypt stages stand on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/crypto/engine.h"
#include "dataplane/packet/packet.h"
#include "dataplane/reassembly/followers.h"
#include "dataplane/sa/encap.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/worker/context.h"

namespace kanmon::test {

using Octets = std::vector<uint8_t>;

// Hex digits, blanks ignored, to octets.
Octets from_hex(const std::string& hex);

// Selectors that let everything through, both families.
std::vector<sa::Selector> any_selectors();

// A counter-pattern of `n` octets that differs by `seed`.
Octets pattern(std::size_t n, uint32_t seed = 1);

// Inner packets with right lengths and IPv4 header checksum; UDP 1000 → 2000 unless told.
struct InnerSpec {
  bool v6 = false;
  std::size_t bytes = 100;  // of the whole packet; at least the headers
  uint8_t traffic_class = 0;
  bool df = false;
  uint8_t protocol = 17;
  uint32_t seed = 1;
};
Octets inner_packet(const InnerSpec& spec);

class EspBed {
 public:
  // Packets come from `pool`, by default one that all beds share.
  explicit EspBed(rte_mempool* pool = nullptr);
  ~EspBed();
  EspBed(const EspBed&) = delete;
  EspBed& operator=(const EspBed&) = delete;

  Context& context() { return context_; }
  Tables& tables() { return tables_; }
  Lanes& lanes() { return *lanes_; }
  WorkerCounters& counters() { return *counters_; }
  EventQueue& events() { return events_; }
  rte_mempool* pool() { return context_.pool; }
  uint64_t dropped(Drop d) const { return counters_->drops[static_cast<std::size_t>(d)].get(); }
  uint64_t dropped_in_all() const;
  // Buffers out of the pool: 0 when every packet was let go (ESP-41).
  uint32_t packets_out() const;

  // Install what they make; the bed destroys it.
  sa::InboundSa* add_inbound(const sa::InboundParams& params);
  sa::OutboundSa* add_outbound(const sa::OutboundParams& params, const sa::EncapParams& encap);

  // A packet with `octets` as its data, `headroom` in front.
  Packet* packet(const Octets& octets, uint16_t headroom = 142);
  // A received IP packet with ESP in it, as classify hands it over.
  Packet* esp_packet(const Octets& ip_packet);
  // An inner packet routed to tunnel `tunnel`.
  Packet* clear_packet(const Octets& ip_packet, uint32_t tunnel);

  // Run one stage over packets and give back what came out, as octets (frames for encrypt).
  std::vector<Octets> decrypt(const std::vector<Packet*>& packets);
  std::vector<Octets> encrypt(const std::vector<Packet*>& packets);
  // For one packet: the outcome, empty if it was dropped.
  Octets decrypt_one(const Octets& ip_packet);
  // Without Ethernet header.
  Octets encrypt_one(const Octets& ip_packet, uint32_t tunnel = 0);

  static constexpr uint16_t kPort = 3;  // where all adjacencies lead

 private:
  Tables tables_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<WorkerCounters> counters_;
  std::unique_ptr<crypto::Engine> engine_;
  EventQueue events_;
  reassembly::Followers followers_{1, 1'000'000};
  Context context_;
  std::vector<sa::InboundSa*> inbound_;
  std::vector<sa::OutboundSa*> outbound_;
};

// Takes the packets of a lane out as octets and frees them.
std::vector<Octets> drain(PacketVector& lane);

// A pair of SAs over one key, so that what one seals the other opens.
struct TunnelSpec {
  esp::Algorithm algorithm = esp::Algorithm::kAes128Gcm16;
  bool outer6 = false;
  bool udp = false;
  bool esn = false;
  uint32_t window = 4096;
  uint32_t tunnel = 0;
  uint32_t spi = 0x10000100;
  uint64_t first_sequence = 1;
  sa::Limits limits{};
  std::vector<sa::Selector> near = any_selectors();
  std::vector<sa::Selector> far = any_selectors();
  uint8_t key_seed = 7;
  Octets keymat{};  // empty: made from key_seed
  uint16_t owner = 0;
  uint16_t workers = 1;
  bool fragments_also = false;
};
// The sealing side is 192.0.2.1 / 2001:db8::1, the opening side .2 / ::2.
struct Tunnel {
  sa::OutboundSa* out;
  sa::InboundSa* in;
};
Tunnel add_tunnel(EspBed& bed, const TunnelSpec& spec, const sa::EncapParams* encap = nullptr);
Octets keymat_of(const TunnelSpec& spec);
sa::EncapParams encap_of(const TunnelSpec& spec);

}  // namespace kanmon::test
