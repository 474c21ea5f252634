#include "dataplane/port/xdp_socket.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kanmon::port {
namespace {

struct Open {
  uint64_t inode;
  int fd;
};

bool is_xdp(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_XDP;
}

std::vector<Open> open_sockets() {
  std::vector<Open> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    struct stat status {};
    if (is_xdp(fd) && fstat(fd, &status) == 0) found.push_back({status.st_ino, fd});
  }
  return found;
}

// The rings are mapped from the socket, and a mapping keeps it alive.
void unmap_all_of(uint64_t inode) {
  const std::string name = "socket:[" + std::to_string(inode) + "]";
  std::vector<std::pair<uintptr_t, uintptr_t>> ranges;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0, to = 0;
    if (line.find(name) == std::string::npos) continue;
    if (std::sscanf(line.c_str(), "%lx-%lx", &from, &to) == 2) ranges.emplace_back(from, to);
  }
  for (const auto& [from, to] : ranges) munmap(reinterpret_cast<void*>(from), to - from);
}

}  // namespace

std::vector<uint64_t> xdp_sockets() {
  std::vector<uint64_t> inodes;
  for (const Open& open : open_sockets()) inodes.push_back(open.inode);
  std::sort(inodes.begin(), inodes.end());
  return inodes;
}

std::vector<uint64_t> new_sockets(const std::vector<uint64_t>& before,
                                  const std::vector<uint64_t>& now) {
  std::vector<uint64_t> added;
  std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                      std::back_inserter(added));
  return added;
}

void end_xdp_socket(uint64_t inode) {
  for (const Open& open : open_sockets()) {
    if (open.inode != inode) continue;
    unmap_all_of(inode);
    ::close(open.fd);
  }
}

}  // namespace kanmon::port
