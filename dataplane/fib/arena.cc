#include "dataplane/fib/arena.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define KANMON_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KANMON_ASAN 1
#endif
#endif
#ifdef KANMON_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace kanmon::fib {
namespace {

// Tells the address sanitizer which blocks are out, so that it finds a node used after it was
// freed.
void mark([[maybe_unused]] char* block, [[maybe_unused]] size_t bytes, [[maybe_unused]] bool used) {
#ifdef KANMON_ASAN
  used ? __asan_unpoison_memory_region(block, bytes) : __asan_poison_memory_region(block, bytes);
#endif
}

constexpr size_t kMaxLimit = size_t{1} << (32 + Arena::kRefShift);

constexpr size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

}  // namespace

Arena::Arena(size_t limit_bytes) {
  limit_ = round_up(std::clamp(limit_bytes, kCommitBytes, kMaxLimit), kCommitBytes);
  const size_t pages = limit_ / kPageBytes;
  mapped_ = limit_ + kCommitBytes;  // to align the base to a huge page
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* blocks = mmap(nullptr, mapped_, PROT_NONE, kFlags, -1, 0);
  void* classes = mmap(nullptr, pages, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (blocks == MAP_FAILED || classes == MAP_FAILED) {
    if (blocks != MAP_FAILED) munmap(blocks, mapped_);
    if (classes != MAP_FAILED) munmap(classes, pages);
    limit_ = 0;
    return;
  }
  map_ = static_cast<char*>(blocks);
  base_ = map_ + (kCommitBytes - reinterpret_cast<uintptr_t>(map_) % kCommitBytes) % kCommitBytes;
  page_class_ = static_cast<uint8_t*>(classes);
}

Arena::~Arena() {
  if (!base_) return;
  mark(base_, committed_, true);
  munmap(map_, mapped_);
  munmap(page_class_, limit_ / kPageBytes);
}

bool Arena::commit(size_t end) {
  end = round_up(end, kCommitBytes);
  if (end <= committed_) return true;
  if (end > limit_) return false;
  char* from = base_ + committed_;
  if (mprotect(from, end - committed_, PROT_READ | PROT_WRITE) != 0) return false;
  madvise(from, end - committed_, MADV_HUGEPAGE);  // a wish: lookups then miss the TLB less
  mark(from, end - committed_, false);
  committed_ = end;
  return true;
}

bool Arena::reserve(size_t bytes) {
  // Rounding up to a size and the tails of pages at most double it, and every size may need a page
  // of its own. What is committed and never touched costs no memory.
  return base_ && commit(bump_ + 2 * bytes + kSizes.size() * kPageBytes);
}

size_t Arena::size_for(size_t bytes) {
  return *std::lower_bound(kSizes.begin(), kSizes.end(), bytes);
}

Arena::Ref Arena::allocate(size_t bytes) {
  assert(bytes <= kMaxBlockBytes);
  const auto found = std::lower_bound(kSizes.begin(), kSizes.end(), bytes);
  const size_t size = *found;
  Class& c = classes_[static_cast<size_t>(found - kSizes.begin())];
  used_ += size;
  if (c.free) {
    const Ref ref = c.free;
    mark(at(ref), size, true);
    std::memcpy(&c.free, at(ref), sizeof c.free);
    return ref;
  }
  if (c.next + size > c.end) {
    assert(bump_ + kPageBytes <= committed_);
    page_class_[bump_ / kPageBytes] = static_cast<uint8_t>(found - kSizes.begin());
    c.next = bump_;
    c.end = bump_ + kPageBytes;
    bump_ += kPageBytes;
  }
  const Ref ref = static_cast<Ref>(c.next >> kRefShift);
  c.next += size;
  mark(at(ref), size, true);
  return ref;
}

unsigned Arena::class_of(Ref inside) const {
  return page_class_[(size_t{inside} << kRefShift) / kPageBytes];
}

void Arena::release(Ref inside) {
  Class& c = classes_[class_of(inside)];
  const size_t size = block_bytes(inside);
  const size_t offset = size_t{inside} << kRefShift;
  const size_t page = offset / kPageBytes * kPageBytes;
  const size_t start = page + (offset - page) / size * size;
  std::memcpy(base_ + start, &c.free, sizeof c.free);
  mark(base_ + start, size, false);
  c.free = static_cast<Ref>(start >> kRefShift);
  used_ -= size;
}

}  // namespace kanmon::fib
