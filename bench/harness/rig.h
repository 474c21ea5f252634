// A gateway on in-memory wires, with routes and tunnels, ready to be driven.
//
//   lan   overlay port: clear packets come in here
//   far   overlay port: 172.16/12 and all further routes lead out here
//   wan   underlay port: tunnel t is 10.(t / 256).(t % 256).0/24 by the overlay table
//
// One rig exists at a time. EAL starts with the first one and lasts until the process ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness/options.h"
#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/fib/node_pool.h"
#include "dataplane/port/ring_wire.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/worker/dataplane.h"

namespace kanmon::bench {

struct RigSpec {
  esp::Algorithm algorithm = esp::Algorithm::kAes128Gcm16;
  uint32_t tunnels = 1;
  uint16_t workers = 1;
  uint32_t routes = 0;
  uint32_t window = 4096;
  uint16_t largest = 1500;  // octets of the largest clear packet: what buffers are made for
  bool esn = true;
  // True: the caller turns the workers; false: they run on threads of their own.
  bool stepped = true;

  friend bool operator==(const RigSpec&, const RigSpec&) = default;
};

// Starts EAL with threads for so many workers; a sentence if that failed.
std::string start_machine(uint16_t most_workers, const std::vector<uint16_t>& cores,
                          const std::string& eal_args);
// CPUs of the workers started above.
const std::vector<uint16_t>& worker_cpus();

class Rig {
 public:
  // Null, and a sentence in `error`, if the machine does not have what it takes.
  static std::unique_ptr<Rig> make(const RigSpec& spec, std::string& error);
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  const RigSpec& spec() const { return spec_; }
  DataPlane& dataplane() { return *dataplane_; }
  // Where frames of a direction enter and leave; queue q is worker q's.
  port::RingWire& entry(Direction d) { return *wires_[d == Direction::kDecrypt ? kWan : kLan]; }
  port::RingWire& exit(Direction d) { return *wires_[d == Direction::kEncrypt ? kWan : kFar]; }
  uint16_t entry_port(Direction d) const { return ports_[d == Direction::kDecrypt ? kWan : kLan]; }
  uint16_t exit_port(Direction d) const { return ports_[d == Direction::kEncrypt ? kWan : kFar]; }
  rte_mempool* pool() { return dataplane_->packet_pool(); }
  // The worker that decrypts what comes by a tunnel.
  uint16_t owner(uint32_t tunnel) const { return static_cast<uint16_t>(tunnel % spec_.workers); }
  // The far end's SAs towards the gateway, by tunnel.
  const std::vector<sa::OutboundSa*>& peer_sas() const { return peer_; }
  // Addresses all over the further routes; none if there are none.
  const std::vector<uint32_t>& addresses() const { return addresses_; }
  // Octets of the largest clear packet that goes through a tunnel in one buffer.
  uint32_t largest() const;
  // Packets dropped so far, and the most frequent reason.
  uint64_t dropped(std::string* why = nullptr) const;

  static constexpr uint8_t kOurMac[6] = {2, 0, 0, 0, 0, 1};
  static constexpr uint8_t kTheirMac[6] = {2, 0, 0, 0, 0, 9};
  static sa::EncapParams encap(bool from_peer);

 private:
  // Octets a packet buffer has.
  static uint16_t room(const RigSpec& spec);
  enum : uint16_t { kWan, kLan, kFar, kPorts };
  explicit Rig(const RigSpec& spec) : spec_(spec) {}
  std::string open_ports();
  std::string add_tunnels();
  std::string add_routes();
  std::string publish_tables();

  const RigSpec spec_;
  std::unique_ptr<DataPlane> dataplane_;
  port::RingWire* wires_[kPorts] = {};
  uint16_t ports_[kPorts] = {};
  std::unique_ptr<fib::NodePool> nodes_;
  std::unique_ptr<fib::Lpm4> underlay_;
  std::unique_ptr<fib::Lpm4> overlay_;
  std::vector<sa::OutboundSa*> out_;
  std::vector<sa::InboundSa*> in_;
  std::vector<sa::OutboundSa*> peer_;
  std::vector<uint32_t> addresses_;
};

}  // namespace kanmon::bench
