// What stands in front of the workers: the steering programs of all af_xdp ports, the SPIs they let
// pass, and what they did. For control's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "dataplane/xdp/spi_filter.h"
#include "dataplane/xdp/steering.h"
#include "dataplane/xdp/verdicts.h"

namespace kanmon::xdp {

class Front {
 public:
  // Puts the steering program in the place of the plain one, which runs on the port's interface.
  // An empty name: there is none, nothing happens. Returns a warning if it could not; the plain one
  // stays then.
  std::string take(uint16_t port, const std::string& interface);
  // After the port was closed, and with it the program taken off: its counts are kept.
  void let_go(uint16_t port);

  // Inbound SPIs that are not to be dropped. REQUIRES for every SA: announced before its
  // SetInboundSa is published, withdrawn after its removal was acknowledged.
  void announce_spi(uint32_t spi) { filter_.add(spi); }
  void withdraw_spi(uint32_t spi) { filter_.remove(spi); }

  // What the port's program shall know; false: the kernel refused. Nothing happens on ports without
  // one. Until the first call every frame is the gateway's.
  bool set(uint16_t port, const Rules& rules);
  bool has(uint16_t port) const { return ports_.count(port) != 0; }
  // What the programs did: on one port, or on all together, closed ones included.
  Counts counts(uint16_t port) const;
  Counts counts() const;

 private:
  SpiFilter filter_;
  std::map<uint16_t, std::unique_ptr<Steering>> ports_;
  Counts before_{};  // of ports that are closed
};

}  // namespace kanmon::xdp
