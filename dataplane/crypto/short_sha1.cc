#include "dataplane/crypto/short_sha1.h"

#include <cassert>
#include <cstring>

#include <intel-ipsec-mb.h>

#include "dataplane/common/byteorder.h"

namespace kanmon::crypto {
namespace {

constexpr uint32_t kBlock = 64;
constexpr uint32_t kWords = kSha1DigestBytes / 4;

hash_one_block_t g_one_block = nullptr;  // control: rw before there are workers; workers: ro

}  // namespace

bool prepare_short_sha1() {
  if (g_one_block != nullptr) return true;
  IMB_MGR* manager = alloc_mb_mgr(0);
  if (manager == nullptr) return false;
  IMB_ARCH arch = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager, &arch);
  g_one_block = manager->sha1_one_block;
  free_mb_mgr(manager);
  return g_one_block != nullptr;
}

// Padding and length as FIPS 180-4 section 5.1.1 has them.
void short_sha1(const uint8_t* data, uint32_t octets, uint8_t* digest) {
  assert(octets <= kShortSha1Most && g_one_block != nullptr);
  alignas(16) uint8_t block[kBlock] = {};
  std::memcpy(block, data, octets);
  block[octets] = 0x80;
  store_be(block + kBlock - 8, uint64_t{octets} * 8);
  alignas(16) uint32_t words[kWords + 3];
  g_one_block(block, words);
  for (uint32_t i = 0; i < kWords; ++i) store_be(digest + 4 * i, words[i]);
}

}  // namespace kanmon::crypto
