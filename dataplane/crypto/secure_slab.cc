#include "dataplane/crypto/secure_slab.h"

#include <cstdint>
#include <cstring>

#include <sys/mman.h>

// Present only where a sanitizer is: a slab's memory may hold the only pointer to an object, and an
// object given back must not be touched any more.
extern "C" {
[[gnu::weak]] void __lsan_register_root_region(const void* begin, std::size_t bytes);
[[gnu::weak]] void __lsan_unregister_root_region(const void* begin, std::size_t bytes);
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* begin, std::size_t bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* begin, std::size_t bytes);
}

namespace kanmon::crypto {

namespace {

void poison(void* memory, std::size_t bytes) {
  if (__asan_poison_memory_region != nullptr) __asan_poison_memory_region(memory, bytes);
}
void unpoison(void* memory, std::size_t bytes) {
  if (__asan_unpoison_memory_region != nullptr) __asan_unpoison_memory_region(memory, bytes);
}

// Maps kChunkBytes aligned to their own size; null if refused.
void* map_chunk() {
  constexpr std::size_t n = SecureSlab::kChunkBytes;
  void* wide = mmap(nullptr, 2 * n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (wide == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(wide);
  const uintptr_t aligned = (start + n - 1) / n * n;
  if (aligned != start) munmap(wide, aligned - start);
  const uintptr_t end = aligned + n;
  if (start + 2 * n != end) munmap(reinterpret_cast<void*>(end), start + 2 * n - end);
  return reinterpret_cast<void*>(aligned);
}

}  // namespace

void wipe(void* memory, std::size_t bytes) {
  explicit_bzero(memory, bytes);
}

SecureSlab::~SecureSlab() {
  for (void* chunk : chunks_) {
    if (__lsan_unregister_root_region != nullptr) __lsan_unregister_root_region(chunk, kChunkBytes);
    unpoison(chunk, kChunkBytes);
    wipe(chunk, kChunkBytes);
    munmap(chunk, kChunkBytes);
  }
}

bool SecureSlab::grow() {
  void* chunk = map_chunk();
  if (chunk == nullptr) return false;
  madvise(chunk, kChunkBytes, MADV_HUGEPAGE);
  madvise(chunk, kChunkBytes, MADV_DONTDUMP);
  madvise(chunk, kChunkBytes, MADV_DONTFORK);
  if (mlock(chunk, kChunkBytes) != 0) locked_ = false;
  chunks_.push_back(chunk);
  if (__lsan_register_root_region != nullptr) __lsan_register_root_region(chunk, kChunkBytes);
  poison(chunk, kChunkBytes);
  auto* first = static_cast<uint8_t*>(chunk);
  for (std::size_t i = kChunkBytes / object_bytes_; i-- > 0;)
    free_.push_back(first + i * object_bytes_);
  return true;
}

void* SecureSlab::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty() && !grow()) return nullptr;
  void* object = free_.back();
  free_.pop_back();
  unpoison(object, object_bytes_);
  return object;
}

void SecureSlab::give(void* object) {
  if (object == nullptr) return;
  wipe(object, object_bytes_);
  poison(object, object_bytes_);
  const std::lock_guard lock(mutex_);
  free_.push_back(object);
}

}  // namespace kanmon::crypto
