// A DataPlane between wires held by the test: what goes in at one end is seen at the other.
//
//   "wan"  port, underlay, table 1   192.0.2.1, neighbour 192.0.2.2
//   "lan"  port, overlay, table 2    10.0.1.1, neighbour 10.0.1.9
//   "far"  port, overlay, table 2    10.0.2.1, 10.9/16 behind a neighbour
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/port/ring_wire.h"
#include "dataplane/worker/dataplane.h"
#include "tests/support/stage_bed.h"

namespace kanmon::test {

class Gateway {
 public:
  static constexpr uint16_t kUnderlay = 1, kOverlay = 2;
  struct Spec {
    uint16_t workers = 1;
    bool stepped = true;
    uint16_t queues = 0;    // of each wire; 0: one per worker
    bool share_out = true;  // of each port
  };
  explicit Gateway(const Spec& spec);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  DataPlane& dataplane() { return *dataplane_; }
  uint16_t wan() const { return ports_[0]; }
  uint16_t lan() const { return ports_[1]; }
  uint16_t far() const { return ports_[2]; }
  port::RingWire& wire(uint16_t port) {
    return *wires_[port == ports_[0] ? 0 : port == lan() ? 1 : 2];
  }
  Routes& overlay() { return *overlay_; }
  Routes& underlay() { return *underlay_; }

  // Puts a frame on the wire to a port; false if the wire is full.
  bool send(uint16_t port, const Octets& frame, uint16_t queue = 0);
  // What the port has sent so far, all queues.
  std::vector<Octets> receive(uint16_t port);
  // Turns all workers until none has anything to do (stepped).
  void settle();

  struct Sums {
    uint64_t in = 0;      // received, injected, generated
    uint64_t out = 0;     // transmitted, punted, dropped
    uint64_t queued = 0;  // handed over and not taken
  };
  Sums sums();
  uint64_t dropped(Drop why);
  uint64_t dropped_in_all();

 private:
  void configure();

  std::unique_ptr<DataPlane> dataplane_;
  std::unique_ptr<fib::NodePool> nodes_;
  std::unique_ptr<Routes> underlay_;
  std::unique_ptr<Routes> overlay_;
  port::RingWire* wires_[3] = {};
  uint16_t ports_[3] = {};
};

}  // namespace kanmon::test
