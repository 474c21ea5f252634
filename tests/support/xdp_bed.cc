#include "tests/support/xdp_bed.h"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kanmon::test {
namespace {

constexpr uint32_t kQueue = 0;

}  // namespace

XdpBed::XdpBed()
    : sockets_(bpf_map_create(BPF_MAP_TYPE_XSKMAP, "sockets", 4, 4, xdp::kSockets, nullptr)),
      socket_(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  if (sockets_ < 0 || socket_ < 0 ||
      bpf_map_update_elem(sockets_, &kQueue, &socket_, BPF_ANY) != 0) {
    problem_ = std::string("no map of AF_XDP sockets: ") + std::strerror(errno);
    return;
  }
  steering_ = xdp::Steering::load(filter_, sockets_, problem_);
}

XdpBed::~XdpBed() {
  for (const int fd : {sockets_, socket_})
    if (fd >= 0) ::close(fd);
}

bool XdpBed::is_forbidden() const {
  assert(steering_ != nullptr || problem_.find(std::strerror(EPERM)) != std::string::npos);
  return steering_ == nullptr;
}

void XdpBed::take_socket_away() {
  bpf_map_delete_elem(sockets_, &kQueue);
}

XdpBed::Run XdpBed::run(const Octets& frame, int repeat) {
  const xdp::Counts before = steering_->counts();
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
              .data_size_in = static_cast<uint32_t>(frame.size()), .repeat = repeat);
  Run run;
  if (bpf_prog_test_run_opts(steering_->program(), &options) != 0) {
    problem_ = std::string("BPF_PROG_TEST_RUN: ") + std::strerror(errno);
    return run;
  }
  run.action = options.retval;
  run.nanoseconds = options.duration;
  const xdp::Counts after = steering_->counts();
  for (std::size_t v = 0; v < after.size(); ++v) {
    if (after[v] == before[v]) continue;
    run.counted += after[v] - before[v];
    run.verdict = static_cast<xdp::Verdict>(v);
  }
  return run;
}

}  // namespace kanmon::test
