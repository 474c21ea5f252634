// Where the frames of a measurement come from: the hosts in front of the gateway and, for packets
// to decrypt, the far end of its tunnels, which seals with the encrypt stage of a context of its
// own and so knows every algorithm there is.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/harness/rig.h"
#include "dataplane/crypto/engine.h"
#include "dataplane/worker/context.h"

namespace kanmon::bench {

struct SourceSpec {
  Direction direction = Direction::kForward;
  Size size = 64;
  Order order = Order::kRandom;
  uint32_t flows = 256;
  uint16_t worker = 0;  // whose queue the frames are for
};

// One per worker; used by one thread.
class Source {
 public:
  Source(Rig& rig, const SourceSpec& spec);

  // Makes the next `n` frames of the buffers, whatever they held. REQUIRES: n <= kBurst.
  void fill(Packet** packets, uint32_t n);
  // Octets of the clear IP packets of all frames made so far.
  uint64_t inner_bytes() const { return inner_bytes_; }

 private:
  struct Target {
    uint8_t address[4];
    uint32_t sum;  // of its two words
    uint32_t tunnel;
  };
  // The frame of one size, but for what varies.
  struct Template {
    uint16_t bytes;  // of the IP packet
    uint32_t sum;    // of the IP header, without destination
    std::vector<uint8_t> frame;
  };
  void make_templates();
  void make_targets();
  void make_peer();
  void add_target(uint32_t address, uint32_t tunnel);
  void put(Packet* p);
  void seal(Packet** packets, uint32_t n);

  Rig& rig_;
  const SourceSpec spec_;
  std::vector<Template> templates_;
  std::vector<Target> targets_;
  uint32_t at_ = 0;
  uint32_t template_ = 0;
  uint32_t random_;
  uint64_t inner_bytes_ = 0;
  // The far end; only for Direction::kDecrypt.
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<Lanes> lanes_;
  std::unique_ptr<WorkerCounters> counters_;
  std::unique_ptr<crypto::Engine> engine_;
  EventQueue events_;
  Context context_;
};

}  // namespace kanmon::bench
