#include "dataplane/crypto/secure_slab.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>

#include <sys/mman.h>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/huge_array.h"

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

}  // namespace

void wipe(void* memory, std::size_t bytes) {
  explicit_bzero(memory, bytes);
}

SecureSlab::~SecureSlab() {
  for (void* chunk : chunks_) {
    if (__lsan_unregister_root_region != nullptr) __lsan_unregister_root_region(chunk, kChunkBytes);
    unpoison(chunk, kChunkBytes);
    wipe(chunk, kChunkBytes);
    unmap_huge(chunk, kChunkBytes);
  }
}

bool SecureSlab::grow() {
  void* chunk = map_huge(kChunkBytes);
  if (chunk == nullptr) return false;
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

SecureSlab& slab_for(std::size_t object_bytes) {
  static std::mutex mutex;
  static auto* slabs = new std::map<std::size_t, std::unique_ptr<SecureSlab>>;
  const std::size_t lines = (object_bytes + kCacheLine - 1) / kCacheLine | 1;
  const std::lock_guard lock(mutex);
  auto& slab = (*slabs)[lines];
  if (slab == nullptr) slab = std::make_unique<SecureSlab>(lines * kCacheLine);
  return *slab;
}

}  // namespace kanmon::crypto
