// Reads this process's memory through the kernel, past what a sanitizer guards.
#pragma once

#include <cstdint>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace kanmon::test {

// What is at `address` now; empty if it cannot be read.
inline std::vector<uint8_t> read_memory(const void* address, std::size_t bytes) {
  std::vector<uint8_t> out(bytes);
  const int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  const ssize_t n =
      pread(fd, out.data(), bytes, static_cast<off_t>(reinterpret_cast<uintptr_t>(address)));
  close(fd);
  return n == static_cast<ssize_t>(bytes) ? out : std::vector<uint8_t>{};
}

}  // namespace kanmon::test
