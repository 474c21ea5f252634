// The steering program in the kernel without an interface: frames are given to it by
// BPF_PROG_TEST_RUN, which says what it answers and how long it takes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/xdp/steering.h"
#include "tests/support/stage_bed.h"

namespace kanmon::test {

class XdpBed {
 public:
  XdpBed();
  ~XdpBed();
  XdpBed(const XdpBed&) = delete;
  XdpBed& operator=(const XdpBed&) = delete;

  // Why there is no program, or what went wrong since; empty: nothing.
  const std::string& problem() const { return problem_; }
  // There is no program because this process may not load one. REQUIRES, of all below: not so.
  bool is_forbidden() const;
  xdp::SpiFilter& filter() { return filter_; }
  xdp::Steering& steering() { return *steering_; }
  // Queue 0 has a socket from the start.
  void take_socket_away();

  struct Run {
    uint32_t action = 0;       // XDP_DROP, XDP_PASS, XDP_REDIRECT
    xdp::Verdict verdict{};    // the one that was counted
    uint64_t counted = 0;      // by how many counters grew, together
    uint32_t nanoseconds = 0;  // of one run, on average
  };
  Run run(const Octets& frame, int repeat = 1);

 private:
  xdp::SpiFilter filter_;
  int sockets_ = -1;
  int socket_ = -1;
  std::unique_ptr<xdp::Steering> steering_;
  std::string problem_;
};

}  // namespace kanmon::test
