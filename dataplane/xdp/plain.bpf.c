// The program the AF_XDP driver attaches while it makes its sockets, and what remains if the kernel
// refuses steer.bpf.c: every frame of a queue with a socket is the gateway's.
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

#include "dataplane/xdp/shared.h"

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, kSockets);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");  // the driver looks for this name

SEC("xdp")
int kanmon_plain(struct xdp_md* context) {
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

const char kLicense[] SEC("license") = "Dual BSD/GPL";
