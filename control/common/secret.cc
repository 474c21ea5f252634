#include "control/common/secret.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include <openssl/crypto.h>
#include <sys/mman.h>

namespace kanmon {
namespace {

// Secrets share pages: whole pages are locked and never unlocked, for another secret may live
// there. Failure to lock (RLIMIT_MEMLOCK) is tolerated: the process also forbids core dumps.
constexpr std::size_t kAlign = 64;

uint8_t* allocate(std::size_t size) {
  const std::size_t rounded = (size + kAlign - 1) / kAlign * kAlign;
  void* p = std::aligned_alloc(kAlign, rounded);
  if (p == nullptr) throw std::bad_alloc();
  (void)mlock(p, rounded);
  std::memset(p, 0, rounded);
  return static_cast<uint8_t*>(p);
}

}  // namespace

Secret::Secret(std::size_t size) : data_(size == 0 ? nullptr : allocate(size)), size_(size) {}

Secret::Secret(wire::Bytes bytes) : Secret(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
}

Secret::~Secret() {
  if (data_ == nullptr) return;
  OPENSSL_cleanse(data_, size_);
  std::free(data_);
}

bool operator==(const Secret& a, const Secret& b) {
  return equal_in_constant_time(a.bytes(), b.bytes());
}

bool equal_in_constant_time(wire::Bytes a, wire::Bytes b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void wipe(wire::MutableBytes bytes) {
  if (!bytes.empty()) OPENSSL_cleanse(bytes.data(), bytes.size());
}

}  // namespace kanmon
