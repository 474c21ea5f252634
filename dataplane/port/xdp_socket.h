// The AF_XDP sockets of this process, and their end.
//
// DPDK 22.11's driver deletes a device's socket but not, by a mistake in its count of users, the
// buffer memory registered with it, which holds the socket's descriptor: the kernel keeps the
// interface's queue occupied and the memory pinned until the process ends. What a device opened is
// therefore noted when it opens, and what is left of it is ended here.
#pragma once

#include <cstdint>
#include <vector>

namespace kanmon::port {

// By inode number, ascending: all that are open now.
std::vector<uint64_t> xdp_sockets();

// Those of `now` that are not in `before`.
std::vector<uint64_t> new_sockets(const std::vector<uint64_t>& before,
                                  const std::vector<uint64_t>& now);

// Unmaps the rings of a socket and closes it. One that is closed already is left alone. REQUIRES:
// nothing uses it any more.
void end_xdp_socket(uint64_t inode);

}  // namespace kanmon::port
