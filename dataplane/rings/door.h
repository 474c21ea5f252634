// The doors of one worker: every way in and out of it besides the ports.
//
//              commands ═►┌────────┐═► events
//   control    inject   ═►│ worker │═► punts       control
//              applied ◄══└────────┘
//                           ▲    ║ handoff[from][to]
//                           ╚════╝ other workers
//
// Each ring has one writing and one reading thread. A full ring refuses: control keeps a command
// until it fits (it is never lost), a worker keeps an event, and drops a packet by name.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/common/cacheline.h"
#include "dataplane/packet/packet.h"
#include "dataplane/rings/messages.h"
#include "dataplane/rings/spsc.h"

namespace kanmon::rings {

// Numbers start at 1 and grow by one.
struct NumberedCommand {
  uint64_t sequence = 0;
  Command command;
};

struct DoorSizes {
  uint32_t commands = 1024;
  uint32_t events = 1024;
  uint32_t punts = 1024;
  uint32_t inject = 1024;
  uint32_t handoff = 1024;
};

struct Doors {
  explicit Doors(const DoorSizes& sizes)
      : commands(sizes.commands), events(sizes.events), punts(sizes.punts), inject(sizes.inject) {}

  Spsc<NumberedCommand> commands;  // control → worker
  Spsc<Event> events;              // worker → control
  Spsc<Packet*> punts;             // worker → control, who frees them
  Spsc<Packet*> inject;            // control → worker; meta.errand says what for
  // Number of the last command in force. Worker: rw (release, after it let go of what the command
  // replaced); control: ro (acquire).
  alignas(kCacheLine) std::atomic<uint64_t> applied{0};
};

// Rings from every worker to every other one.
class Handoffs {
 public:
  Handoffs(uint16_t workers, const DoorSizes& sizes) : workers_(workers) {
    for (uint32_t i = 0; i < uint32_t{workers} * workers; ++i)
      rings_.push_back(std::make_unique<Spsc<Packet*>>(sizes.handoff));
  }
  // REQUIRES: from, to < workers. Written by worker `from`, read by worker `to`.
  Spsc<Packet*>& ring(uint16_t from, uint16_t to) {
    return *rings_[std::size_t{from} * workers_ + to];
  }
  uint16_t workers() const { return workers_; }

 private:
  uint16_t workers_;
  std::vector<std::unique_ptr<Spsc<Packet*>>> rings_;
};

}  // namespace kanmon::rings
