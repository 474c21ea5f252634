// The part of the data plane that takes commands, as an interface: tests put a fake in its place.
#pragma once

#include <chrono>
#include <cstdint>

#include "dataplane/rings/messages.h"

namespace kanmon::publish {

class Plane {
 public:
  virtual ~Plane() = default;
  // Applied by every worker, in order; never lost. Returns the command's sequence number.
  virtual uint64_t publish(const rings::Command& command) = 0;
  // Every worker has applied the command with this number and all before it.
  virtual bool acknowledged(uint64_t sequence) const = 0;
  // The workers' time-stamp counter this long from now.
  virtual uint64_t tsc_after(std::chrono::seconds from_now) const = 0;
  // What is in front of the workers may drop ESP by its SPI: of one that is announced it must not.
  // An SPI is announced before any worker can know its SA, and withdrawn when none knows it any
  // more.
  virtual void announce_spi(uint32_t) {}
  virtual void withdraw_spi(uint32_t) {}
};

}  // namespace kanmon::publish
