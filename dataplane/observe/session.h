// One trace or capture, from its start to its end: what is wanted, and a probe for each worker.
//
// Made and destroyed by control. Workers get it by rings::SetProbe and let it go by another one:
// control destroys it after that is acknowledged.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/common/cacheline.h"
#include "dataplane/observe/filter.h"

namespace kanmon::observe {

class Probe;

// Copies of packets instead of records about them.
struct CaptureSpec {
  uint32_t ring_octets = 4u << 20;  // of each worker
  uint32_t snap = 65'535;           // octets kept of a packet
};

struct SessionSpec {
  uint16_t session = 1;  // tells marks of this one from those of earlier ones; never 0
  Filter filter{};
  uint32_t packets = 10;    // followed at most, all workers together
  uint32_t records = 4096;  // room in each worker's ring
  std::optional<CaptureSpec> capture{};
};

class Session {
 public:
  Session(const SessionSpec& spec, uint16_t workers);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const SessionSpec& spec() const { return spec_; }
  uint16_t workers() const { return static_cast<uint16_t>(probes_.size()); }
  Probe& probe(uint16_t worker) { return *probes_[worker]; }

  // Workers: the next packet's number, 0 if enough are followed.
  uint32_t take_number() {
    if (taken_.load(std::memory_order_relaxed) >= spec_.packets) return 0;
    const uint32_t number = taken_.fetch_add(1, std::memory_order_relaxed) + 1;
    return number <= spec_.packets ? number : 0;
  }
  // Control: how many are followed or were.
  uint32_t taken() const {
    const uint32_t n = taken_.load(std::memory_order_relaxed);
    return n < spec_.packets ? n : spec_.packets;
  }

 private:
  const SessionSpec spec_;
  std::vector<std::unique_ptr<Probe>> probes_;
  alignas(kCacheLine) std::atomic<uint32_t> taken_{0};  // workers: rw, control: ro
};

}  // namespace kanmon::observe
