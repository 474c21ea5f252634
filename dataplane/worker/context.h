// What a stage is given: the worker's tables, counters and the lanes packets wait in.
//
// A stage takes the packets of its own lane and puts each one into another lane or drops it by
// name: no packet is in two places, none is forgotten (INV-8). One Context per worker; only its
// worker touches it.
#pragma once

#include <cassert>
#include <cstdint>

#include "dataplane/packet/packet.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/tables.h"
#include "dataplane/worker/token_bucket.h"

namespace kanmon::crypto {
class Engine;
}
namespace kanmon::reassembly {
class Followers;
class Table;
}  // namespace kanmon::reassembly
namespace kanmon::observe {
class Probe;
}
namespace kanmon::vigil {
class Watch;
}

namespace kanmon {

inline constexpr uint32_t kBurst = 64;  // packets taken from a queue or ring at once

// A list of packets of fixed room. Lanes are sized so that one turn of the worker cannot fill them.
struct PacketVector {
  static constexpr uint32_t kRoom = 1152;
  uint32_t count = 0;
  Packet* slots[kRoom];

  bool full() const { return count == kRoom; }
  // REQUIRES: !full().
  void push(Packet* p) {
    assert(count < kRoom);
    slots[count++] = p;
  }
  void clear() { count = 0; }
};

struct Lanes {
  PacketVector esp;          // ESP packets, data at the IP header, meta.l4_offset at the ESP header
  PacketVector fragments;    // IP fragments for us, received on an underlay
  PacketVector route;        // IP packets with meta.table set
  PacketVector local;        // IP packets for one of our addresses
  PacketVector encrypt;      // IP packets with meta.next_hop of kind kTunnel
  PacketVector punt;         // meta.punt says why
  PacketVector handoff[64];  // [worker]: to be given to that worker; meta.errand says for what
  PacketVector tx[kMaxPorts];  // Ethernet frames
};

// Where stages report what control must know; drained into a ring by the worker.
struct EventQueue {
  static constexpr uint32_t kRoom = 256;
  struct Item {
    uint8_t kind;  // rings::EventKind
    uint32_t value;
  };
  uint32_t count = 0;
  Item items[kRoom];
  // False if full: the caller keeps its own "already reported" mark unset and tries again later.
  bool push(uint8_t kind, uint32_t value) {
    if (count == kRoom) return false;
    items[count++] = {kind, value};
    return true;
  }
};

// Limits on what strangers can make a worker, or control, do. Those of a default Context let all
// pass; the worker sets them.
struct RateLimits {
  TokenBucket icmp_errors;
  TokenBucket echo_replies;
  TokenBucket punts[kPuntKinds];  // [Punt]

  RateLimits() = default;
  explicit RateLimits(uint64_t tsc_hz);
};

struct Context {
  uint16_t worker = 0;
  uint16_t workers = 1;
  Tables* tables = nullptr;
  WorkerCounters* counters = nullptr;
  Lanes* lanes = nullptr;
  crypto::Engine* crypto = nullptr;
  EventQueue* events = nullptr;
  reassembly::Table* reassembly = nullptr;
  reassembly::Followers* followers = nullptr;
  vigil::Watch* vigil = nullptr;  // null: no path is checked here
  rte_mempool* pool = nullptr;    // for packets made here
  uint64_t now_tsc = 0;           // read once a turn
  uint64_t tsc_hz = 1;
  observe::LatencySampling sampling;
  observe::Probe* probe = nullptr;  // a trace or capture that is running; null: none
  uint64_t burst_stamp = 0;         // rx to classify: Meta::received_tsc of this burst's packets
  RateLimits limits;

  void drop(Packet* p, Drop why) {
    counters->drop(why);
    if (probe != nullptr) [[unlikely]]
      tell_probe(p, why);
    rte_pktmbuf_free(p);
  }
  // The same for many at once, which is what a flood brings.
  void drop(Packet** packets, uint32_t n, Drop why) {
    counters->drop(why, n);
    for (uint32_t i = 0; probe != nullptr && i < n; ++i) tell_probe(packets[i], why);
    rte_pktmbuf_free_bulk(packets, n);
  }

 private:
  void tell_probe(Packet* p, Drop why);  // in observe/probe.cc
};

}  // namespace kanmon
