#include "dataplane/crypto/hmac_key.h"

#include <cstddef>
#include <cstring>

#include "dataplane/crypto/secure_slab.h"

namespace kanmon::crypto {

namespace {

constexpr uint32_t kMaxBlock = 128;

// The hash behind an integrity transform, by IANA's id.
struct HashRow {
  uint16_t integ_id;
  IMB_HASH_ALG hmac;
  uint32_t block_bytes;
  hash_one_block_t IMB_MGR::*one_block;
};
constexpr HashRow kHashes[] = {
    {2, IMB_AUTH_HMAC_SHA_1, 64, &IMB_MGR::sha1_one_block},
    {12, IMB_AUTH_HMAC_SHA_256, 64, &IMB_MGR::sha256_one_block},
    {13, IMB_AUTH_HMAC_SHA_384, 128, &IMB_MGR::sha384_one_block},
    {14, IMB_AUTH_HMAC_SHA_512, 128, &IMB_MGR::sha512_one_block},
};

const HashRow& row_of(uint16_t integ_id) {
  for (const HashRow& row : kHashes)
    if (row.integ_id == integ_id) return row;
  return kHashes[1];
}

void absorb(IMB_MGR* m, const HashRow& hash, wire::Bytes key, uint8_t pad, uint8_t* state) {
  uint8_t block[kMaxBlock];
  std::memset(block, pad, sizeof block);
  for (std::size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
  (m->*hash.one_block)(block, state);
  wipe(block, sizeof block);
}

// CBC over one block with an IV of zeros is the bare cipher.
void encrypt_block(IMB_MGR* m, uint32_t key_bytes, const uint8_t* schedule, uint8_t* block) {
  alignas(16) static constexpr uint8_t kZeros[16] = {};
  IMB_JOB job = {};
  job.enc_keys = job.dec_keys = schedule;
  job.key_len_in_bytes = key_bytes;
  job.src = job.dst = block;
  job.msg_len_to_cipher_in_bytes = sizeof kZeros;
  job.iv = kZeros;
  job.iv_len_in_bytes = sizeof kZeros;
  job.cipher_mode = IMB_CIPHER_CBC;
  job.cipher_direction = IMB_DIR_ENCRYPT;
  job.hash_alg = IMB_AUTH_NULL;
  const auto size = static_cast<IMB_KEY_SIZE_BYTES>(key_bytes);
  m->submit_cipher_burst(m, &job, 1, IMB_CIPHER_CBC, IMB_DIR_ENCRYPT, size);
}

}  // namespace

IMB_HASH_ALG hash_of(const esp::AlgorithmInfo& a) {
  return row_of(a.integ_id).hmac;
}

void expand_hmac(IMB_MGR* m, esp::Algorithm algorithm, wire::Bytes key, HmacKey& out) {
  const esp::AlgorithmInfo& a = esp::info(algorithm);
  const wire::Bytes integrity = key.last(a.integ_key_bytes);
  const HashRow& hash = row_of(a.integ_id);
  absorb(m, hash, integrity, 0x36, out.inner);
  absorb(m, hash, integrity, 0x5c, out.outer);
  if (a.encr_key_bytes == 0) return;
  const bool is_128 = a.encr_key_bytes == 16;
  (is_128 ? m->keyexp_128 : m->keyexp_256)(key.data(), out.encrypt, out.decrypt);
  std::memset(out.iv_mask, 0xff, sizeof out.iv_mask);
  encrypt_block(m, a.encr_key_bytes, out.encrypt, out.iv_mask);
}

}  // namespace kanmon::crypto
