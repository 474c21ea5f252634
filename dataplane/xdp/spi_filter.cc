#include "dataplane/xdp/spi_filter.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/sa/spi.h"

namespace kanmon::xdp {
namespace {

constexpr std::size_t kBytes = sa::kSlots * sizeof(uint64_t);

void* map_memory(int fd) {
  const int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  return mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, kind, fd, 0);
}

}  // namespace

SpiFilter::SpiFilter() : slots_(static_cast<uint64_t*>(map_memory(-1))) {
  assert(slots_ != MAP_FAILED);
}

SpiFilter::~SpiFilter() {
  munmap(slots_, kBytes);
  if (map_ >= 0) ::close(map_);
}

void SpiFilter::add(uint32_t spi) {
  __atomic_store_n(&slots_[sa::slot(spi)], spi, __ATOMIC_RELEASE);
}

void SpiFilter::remove(uint32_t spi) {
  if (knows(spi)) __atomic_store_n(&slots_[sa::slot(spi)], 0, __ATOMIC_RELEASE);
}

bool SpiFilter::knows(uint32_t spi) const {
  return spi != 0 && slots_[sa::slot(spi)] == spi;
}

int SpiFilter::map() {
  if (map_ >= 0) return map_;
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "known_spis", sizeof(uint32_t),
                                sizeof(uint64_t), sa::kSlots, &options);
  if (fd < 0) return -errno;
  void* memory = map_memory(fd);
  if (memory == MAP_FAILED) {
    const int why = errno;
    ::close(fd);
    return -why;
  }
  std::copy_n(slots_, sa::kSlots, static_cast<uint64_t*>(memory));
  munmap(slots_, kBytes);
  slots_ = static_cast<uint64_t*>(memory);
  map_ = fd;
  return map_;
}

}  // namespace kanmon::xdp
