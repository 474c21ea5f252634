// The data plane as control sees it: one object that owns EAL, buffers, ports, workers and the
// rings to them.
//
// All members are for one thread, the one that called start() (control). Nothing here blocks
// longer than its comment says; the workers never wait for control.
//
// Life: start() → open_port()… → publish()… with poll() in the control loop → stop().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/common/result.h"
#include "dataplane/crypto/backend.h"
#include "dataplane/packet/packet.h"
#include "dataplane/port/port.h"
#include "dataplane/rings/messages.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/tables.h"
#include "dataplane/worker/worker.h"
#include "dataplane/xdp/front.h"

namespace kanmon::rings {
class Qsbr;
}

namespace kanmon {

struct DataPlaneOptions {
  uint16_t workers = 1;                  // 1 … 64
  std::vector<uint16_t> worker_cores{};  // CPU of each worker; empty: spread over the allowed CPUs
  Power power = Power::kBalanced;
  uint32_t packet_buffers = 16'384;    // mbufs of each NUMA node that has a worker or a device
  uint16_t packet_room = 2048;         // octets of each, see kanmon::packet_room()
  std::vector<std::string> devices{};  // device strings known at start: EAL needs to know of some
  crypto::Isa crypto_isa = crypto::Isa::kAuto;
  crypto::Backend crypto_backend = crypto::Backend::kAuto;
  std::string eal_args{};  // appended to what Kanmon composes, split at spaces
  Tables::Capacity capacity{};
  // No threads: the caller turns the workers (tests, the flow runner, benchmarks).
  bool stepped = false;
};

// A packet a worker gave to control. `bytes` is valid during the callback only: the whole Ethernet
// frame for kArp and kNeighbour, the IP packet for the others.
struct Punted {
  Punt kind = Punt::kNone;
  uint16_t port = kNoPort;         // where it was received
  uint16_t table = 0;              // route table it was looked up in
  uint32_t tunnel_in = kNoTunnel;  // tunnel it was decrypted from
  fib::NextHop next_hop;           // kGlean: its index is the port of the connected subnet
  wire::Bytes bytes;
};

// What a watchdog needs to know of a worker.
struct WorkerStatus {
  uint16_t cpu = 0;
  int node = -1;  // NUMA node of the CPU; -1: unknown
  bool running = false;
  uint64_t heartbeat_age_ns = 0;   // since its last housekeeping; more than 100 ms: stalled
  uint64_t commands_waiting = 0;   // published, not yet applied
  uint64_t command_ring_full = 0;  // times a command had to wait in control's queue
};

class DataPlane {
 public:
  // Starts EAL (once in a process), makes the buffers and launches the workers, who idle until a
  // port is opened. Warnings: no hugepages, shared CPUs.
  static Outcome<std::unique_ptr<DataPlane>> start(const DataPlaneOptions& options);
  // stop(), if that was not called.
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // ---- ports
  // Attaches the device, configures its queues and starts it; the workers poll it from their next
  // turn on. Packets are dropped by name until a SetPort command gives it a role and a table.
  Outcome<PortInfo> open_port(const PortOptions& options);
  // Takes the port from the workers, waits for their acknowledgement (at most one second: then
  // kSystem, the port stays open), and closes the device; XDP programs are detached.
  Status close_port(uint16_t id);
  const std::vector<PortInfo>& ports() const;
  PortStatus port_status(uint16_t id) const;
  // The worker that polls this receive queue. REQUIRES: the port is open and has the queue.
  uint16_t worker_of(uint16_t port, uint16_t rx_queue) const;
  // What stands in front of the workers: the XDP programs of af_xdp ports.
  xdp::Front& front();
  const xdp::Front& front() const;

  // ---- commands: applied by every worker, in order
  // Never fails and never loses one: what a full ring does not take waits here and is sent by
  // poll(). Returns the command's sequence number.
  uint64_t publish(const rings::Command& command);
  // True when every worker has applied the command with this number and all before it: what they
  // replaced is no longer read by any worker and may be freed.
  bool acknowledged(uint64_t sequence) const;
  // The number of the last command published; 0 if none was.
  uint64_t last_published() const;
  // Sends what waits and returns when acknowledged(sequence), or kSystem after `timeout_ms`.
  // Busy with nothing else meanwhile: for start-up and tests; the control loop asks acknowledged().
  Status wait_for(uint64_t sequence, uint32_t timeout_ms = 1000);

  // ---- the control loop's turn
  // Sends waiting commands, then calls back for punted packets and events (at most `max` of each).
  // Returns how many of both; call it again at once if that is not zero, else within a millisecond.
  uint32_t poll(const std::function<void(const Punted&)>& on_packet,
                const std::function<void(uint16_t worker, rings::Event)>& on_event,
                uint32_t max = 256);

  // ---- packets of control
  // Sends an IP packet (complete, checksums filled in) looked up in `table`.
  // kNoSpace: buffers or ring are full, try again; kBadLength: longer than a buffer.
  Status send_packet(uint16_t table, wire::Bytes packet);
  // Encrypts an IP packet into `tunnel` without a lookup: what belongs to that tunnel and no other.
  // `table`: where answers about it (too big) are looked up. Errors as above.
  Status send_into_tunnel(uint32_t tunnel, uint16_t table, wire::Bytes packet);
  // Sends an Ethernet frame by `port`. Errors as above.
  Status send_frame(uint16_t port, wire::Bytes frame);

  // ---- reading
  uint16_t workers() const;
  const WorkerCounters& counters(uint16_t worker) const;
  WorkerStatus worker_status(uint16_t worker) const;
  uint64_t tsc_hz() const;
  uint64_t tsc_now() const;  // the clock of limits of time
  // Buffers that are not in their pools: those in ports, rings and the workers' hands.
  uint32_t buffers_in_use() const;
  uint32_t buffers_total() const;
  // Grace periods for what workers read without a lock (LPM nodes): reader i is worker i.
  rings::Qsbr& qsbr();

  // Which tunnels their liveness checks say are down; see there who may write.
  Liveness& liveness();
  const Liveness& liveness() const;

  // ---- stepped mode only
  Worker& worker(uint16_t index);
  // One turn of every worker, in order.
  void turn();
  // Where packets for the far end of a ring wire may be taken from.
  rte_mempool* packet_pool();

  // Stops and joins the workers (at most one second each), frees every packet they, the rings and
  // the ports held, and closes the ports. Counters can still be read. Idempotent.
  Status stop();

 private:
  struct Parts;
  rte_mempool* device_pool(int node);
  explicit DataPlane(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kanmon
