#include "dataplane/crypto/hmac_burst.h"

#include <cstring>

#include <immintrin.h>

#include "dataplane/common/prefetch.h"
#include "dataplane/crypto/secure_slab.h"
#include "dataplane/esp/esp_wire.h"

namespace kanmon::crypto {

namespace {

constexpr uint32_t kBlock = 16;
constexpr uint32_t kKeysAhead = 4;
constexpr uint32_t kHighWordBytes = 4;
alignas(16) constexpr uint8_t kZeros[kBlock] = {};

bool is_extended(const Job& j) {
  return j.aad_bytes == 12;
}

// With extended numbers the high word is hashed behind the ciphertext and not sent (RFC 4303
// section 2.2.1): it stands where the ICV will, for as long as the hash is taken.
void put_high_word(const Job& j) {
  std::memcpy(j.text + j.length, j.aad + 4, kHighWordBytes);
}

// RFC 3602 section 3 wants an IV nobody can foretell. It is the cipher of a number that is used
// once (NIST SP 800-38A appendix C), made by letting CBC run over that block first, from zeros: the
// packet's IV is then what comes out, and no further call is needed.
void put_nonce(const Job& j) {
  alignas(16) uint8_t number[kBlock] = {};
  std::memcpy(number + 8, j.nonce + 4, 8);
  const auto load = [](const uint8_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  };
  const __m128i nonce = _mm_xor_si128(load(number), load(hmac_key(*j.key).iv_mask));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(j.text - kBlock), nonce);
}

void prefetch(const Job& j, bool seal) {
  const HmacKey& k = hmac_key(*j.key);
  const uint8_t* schedule = seal ? k.encrypt : k.decrypt;
  for (uint32_t line = 0; line < 4; ++line) prefetch_line(schedule + line * kCacheLine);
  prefetch_line(k.inner);
  prefetch_line(k.outer);
  prefetch_line(k.iv_mask);
}

void prefetch_ahead(Job* const* jobs, uint32_t i, uint32_t count, bool seal) {
  const uint32_t ahead = i + kKeysAhead;
  if (ahead < count && jobs[ahead]->key != jobs[i]->key) prefetch(*jobs[ahead], seal);
}

// Reads both to their ends, whatever they hold (ESP-16).
bool same(const uint8_t* a, const uint8_t* b, uint32_t bytes) {
  uint8_t difference = 0;
  for (uint32_t i = 0; i < bytes; ++i)
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

void set_cipher(IMB_JOB& w, const Job& j, uint32_t key_bytes, const uint8_t* iv, uint8_t* text,
                uint32_t length) {
  const HmacKey& key = hmac_key(*j.key);
  w.enc_keys = key.encrypt;
  w.dec_keys = key.decrypt;
  w.key_len_in_bytes = key_bytes;
  w.src = w.dst = text;
  w.cipher_start_src_offset_in_bytes = 0;
  w.msg_len_to_cipher_in_bytes = length;
  w.iv = iv;
  w.iv_len_in_bytes = kBlock;
  w.cipher_mode = IMB_CIPHER_CBC;
}

IMB_KEY_SIZE_BYTES key_size(const esp::AlgorithmInfo& a) {
  return static_cast<IMB_KEY_SIZE_BYTES>(a.encr_key_bytes);
}

// What the library did not do must not leave as it is, nor be looked at.
void spoil(Job* const* jobs, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    std::memset(jobs[i]->text, 0, jobs[i]->length);
    jobs[i]->authentic = false;
  }
}

}  // namespace

HmacBurst::~HmacBurst() {
  wipe(work_, sizeof work_);
  wipe(computed_, sizeof computed_);
}

bool HmacBurst::encrypt(IMB_MGR* m, const esp::AlgorithmInfo& a, Job* const* jobs, uint32_t count) {
  if (a.encr_key_bytes == 0) return true;
  for (uint32_t i = 0; i < count; ++i) {
    const Job& j = *jobs[i];
    prefetch_ahead(jobs, i, count, true);
    put_nonce(j);
    set_cipher(work_[i], j, a.encr_key_bytes, kZeros, j.text - kBlock, j.length + kBlock);
    work_[i].cipher_direction = IMB_DIR_ENCRYPT;
  }
  return m->submit_cipher_burst_nocheck(m, work_, count, IMB_CIPHER_CBC, IMB_DIR_ENCRYPT,
                                        key_size(a)) == count;
}

bool HmacBurst::decrypt(IMB_MGR* m, const esp::AlgorithmInfo& a, Job* const* jobs, uint32_t count) {
  if (a.encr_key_bytes == 0) return true;
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const Job& j = *jobs[i];
    if (!j.authentic) continue;
    set_cipher(work_[n], j, a.encr_key_bytes, j.text - kBlock, j.text, j.length);
    work_[n++].cipher_direction = IMB_DIR_DECRYPT;
  }
  return n == 0 || m->submit_cipher_burst_nocheck(m, work_, n, IMB_CIPHER_CBC, IMB_DIR_DECRYPT,
                                                  key_size(a)) == n;
}

// The hash of header, IV, text and, with extended numbers, their high word.
bool HmacBurst::hash(IMB_MGR* m, const esp::AlgorithmInfo& a, Job* const* jobs, uint32_t count) {
  const uint32_t front = esp::kHeaderBytes + a.iv_bytes;
  const IMB_HASH_ALG algorithm = hash_of(a);
  for (uint32_t i = 0; i < count; ++i) {
    const Job& j = *jobs[i];
    const HmacKey& key = hmac_key(*j.key);
    IMB_JOB& w = work_[i];
    w.src = j.text - front;
    w.hash_start_src_offset_in_bytes = 0;
    w.msg_len_to_hash_in_bytes = front + j.length + (is_extended(j) ? kHighWordBytes : 0);
    w.auth_tag_output = computed_[i];
    w.auth_tag_output_len_in_bytes = a.icv_bytes;
    w.u.HMAC._hashed_auth_key_xor_ipad = key.inner;
    w.u.HMAC._hashed_auth_key_xor_opad = key.outer;
    w.hash_alg = algorithm;
  }
  return m->submit_hash_burst_nocheck(m, work_, count, algorithm) == count;
}

void HmacBurst::seal(IMB_MGR* m, Job* const* jobs, uint32_t count) {
  const esp::AlgorithmInfo& a = esp::info(jobs[0]->algorithm);
  if (!encrypt(m, a, jobs, count)) [[unlikely]]
    return spoil(jobs, count);
  for (uint32_t i = 0; i < count; ++i)
    if (is_extended(*jobs[i])) put_high_word(*jobs[i]);
  if (!hash(m, a, jobs, count)) [[unlikely]]
    return spoil(jobs, count);
  for (uint32_t i = 0; i < count; ++i)
    std::memcpy(jobs[i]->text + jobs[i]->length, computed_[i], a.icv_bytes);
}

void HmacBurst::open(IMB_MGR* m, Job* const* jobs, uint32_t count) {
  const esp::AlgorithmInfo& a = esp::info(jobs[0]->algorithm);
  for (uint32_t i = 0; i < count; ++i) {
    const Job& j = *jobs[i];
    prefetch_ahead(jobs, i, count, false);
    std::memcpy(received_[i], j.text + j.length, a.icv_bytes);
    if (is_extended(j)) put_high_word(j);
  }
  if (!hash(m, a, jobs, count)) [[unlikely]]
    return spoil(jobs, count);
  for (uint32_t i = 0; i < count; ++i)
    jobs[i]->authentic = same(received_[i], computed_[i], a.icv_bytes);
  if (!decrypt(m, a, jobs, count)) [[unlikely]]
    spoil(jobs, count);
}

}  // namespace kanmon::crypto
