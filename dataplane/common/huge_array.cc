#include "dataplane/common/huge_array.h"

#include <cstdint>

#include <sys/mman.h>

namespace kanmon {

namespace {

void* map(std::size_t bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

// What is mapped is a page's multiple: the same on both ways.
std::size_t mapped(std::size_t bytes) {
  constexpr std::size_t kPage = 4096;
  const std::size_t unit = bytes < kHugePage ? kPage : kHugePage;
  return bytes == 0 ? kPage : (bytes + unit - 1) / unit * unit;
}

}  // namespace

void* map_huge(std::size_t bytes) {
  const std::size_t n = mapped(bytes);
  if (n < kHugePage) return map(n);
  void* wide = map(n + kHugePage);
  if (wide == nullptr) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(wide);
  const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned != start) munmap(wide, aligned - start);
  const uintptr_t rest = start + kHugePage - aligned;
  if (rest != 0) munmap(reinterpret_cast<void*>(aligned + n), rest);
  void* memory = reinterpret_cast<void*>(aligned);
  madvise(memory, n, MADV_HUGEPAGE);
  return memory;
}

void unmap_huge(void* memory, std::size_t bytes) {
  munmap(memory, mapped(bytes));
}

}  // namespace kanmon
