#include "bench/harness/raw_crypto.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <random>

#include <intel-ipsec-mb.h>

#include "dataplane/common/huge_array.h"
#include "dataplane/common/prefetch.h"

namespace kanmon::bench {
namespace {

// IANA's "IKEv2 Transform Type 1" and "Type 3".
constexpr uint16_t kNull = 11, kCbc = 12, kGcm16 = 20, kChaCha = 28;
constexpr uint16_t kGcm16Iiv = 30, kChaChaIiv = 31;  // RFC 8750
constexpr uint16_t kSha1_96 = 2, kSha256_128 = 12, kSha384_192 = 13, kSha512_256 = 14;
constexpr uint32_t kAadBytes = 12;  // SPI and a sequence number of 64 bits
constexpr uint32_t kEspHeader = 8;
constexpr uint32_t kMaxTexts = 64;

struct Hash {
  uint16_t integ_id;
  IMB_HASH_ALG hash;
  uint32_t block_bytes;
  uint32_t tag_bytes;
  hash_one_block_t IMB_MGR::*one_block;
};
constexpr Hash kHashes[] = {
    {kSha1_96, IMB_AUTH_HMAC_SHA_1, 64, 12, &IMB_MGR::sha1_one_block},
    {kSha256_128, IMB_AUTH_HMAC_SHA_256, 64, 16, &IMB_MGR::sha256_one_block},
    {kSha384_192, IMB_AUTH_HMAC_SHA_384, 128, 24, &IMB_MGR::sha384_one_block},
    {kSha512_256, IMB_AUTH_HMAC_SHA_512, 128, 32, &IMB_MGR::sha512_one_block},
};

// All a key of any transform can be.
struct alignas(64) RawKey {
  gcm_key_data gcm;
  alignas(16) uint32_t encrypt[60];
  alignas(16) uint32_t decrypt[60];
  alignas(16) uint8_t inner[64];
  alignas(16) uint8_t outer[64];
  alignas(16) uint8_t chacha[64];  // 32 are the key; the library reads beyond them
};

}  // namespace

struct RawCrypto::Parts {
  IMB_MGR* manager = alloc_mb_mgr(0);
  esp::AlgorithmInfo info;
  bool seal;
  std::optional<Hash> hash;
  HugeArray<RawKey> keys;
  bool many_powers = false;  // of the hash key, in a GCM key: as code for 512 bits has them
  gcm_context_data context;
  uint8_t tag[kMaxTexts][64];
  uint8_t iv[16] = {2};
  uint8_t aad[16] = {3};

  Parts(const esp::AlgorithmInfo& i, uint32_t count, bool s) : info(i), seal(s), keys(count) {
    // With an implicit IV (RFC 8750) the same is computed of the same texts.
    if (info.encr_id == kGcm16Iiv) info.encr_id = kGcm16;
    if (info.encr_id == kChaChaIiv) info.encr_id = kChaCha;
    init_mb_mgr_auto(manager, nullptr);
    for (const Hash& h : kHashes)
      if (h.integ_id == info.integ_id) hash = h;
    constexpr uint64_t kWide = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
    many_powers = manager->used_arch == IMB_ARCH_AVX512 && (manager->features & kWide) == kWide;
    std::mt19937 rng(7);
    for (uint32_t k = 0; k < count; ++k) expand(keys[k], rng);
  }
  ~Parts() { free_mb_mgr(manager); }

  bool ok() const {
    if (info.encr_id == kGcm16 || info.encr_id == kChaCha) return info.integ_id == 0;
    return (info.encr_id == kCbc || info.encr_id == kNull) && hash.has_value();
  }
  void expand(RawKey& k, std::mt19937& rng);
  void gcm(const RawText* texts, uint32_t n);
  void prefetch(const RawText& text) const;
  void jobs(const RawText* texts, uint32_t n);
  void fill(IMB_JOB& job, const RawText& text, uint32_t i);
};

void RawCrypto::Parts::expand(RawKey& k, std::mt19937& rng) {
  uint8_t raw[128] = {};
  for (uint8_t& o : raw) o = static_cast<uint8_t>(rng());
  const bool long_key = info.encr_key_bits == 256;
  if (info.encr_id == kGcm16) {
    (long_key ? manager->gcm256_pre : manager->gcm128_pre)(raw, &k.gcm);
  } else if (info.encr_id == kCbc) {
    (long_key ? manager->keyexp_256 : manager->keyexp_128)(raw, k.encrypt, k.decrypt);
  }
  std::memcpy(k.chacha, raw, sizeof k.chacha);
  if (!hash) return;
  uint8_t pad[128];
  for (const bool outer : {false, true}) {
    for (std::size_t i = 0; i < sizeof pad; ++i)
      pad[i] =
          static_cast<uint8_t>((i < info.integ_key_bytes ? raw[i] : 0) ^ (outer ? 0x5c : 0x36));
    (manager->*hash->one_block)(pad, outer ? k.outer : k.inner);
  }
}

// A bare call over many keys is at its best when the lines it will read were asked for before.
void RawCrypto::Parts::prefetch(const RawText& t) const {
  constexpr uint32_t kRoundKeys = offsetof(gcm_key_data, ghash_keys), kPowers = 48;
  const auto* key = reinterpret_cast<const uint8_t*>(&keys[t.key].gcm);
  uint32_t from = kRoundKeys, end = from + 16 * 16;
  if (many_powers) {
    end = kRoundKeys + kPowers * 16;
    from = end - std::min(t.bytes / 16 + 2, kPowers) * 16;
  }
  for (uint32_t at = 0; at < info.encr_key_bytes * 6 + 80u; at += 64) prefetch_line(key + at);
  for (uint32_t at = from / 64 * 64; at < end; at += 64) prefetch_line(key + at);
}

void RawCrypto::Parts::gcm(const RawText* texts, uint32_t n) {
  const bool long_key = info.encr_key_bits == 256;
  const auto call = seal ? (long_key ? manager->gcm256_enc : manager->gcm128_enc)
                         : (long_key ? manager->gcm256_dec : manager->gcm128_dec);
  constexpr uint32_t kAhead = 4;
  const auto is_new = [texts](uint32_t i) { return i == 0 || texts[i].key != texts[i - 1].key; };
  for (uint32_t i = 0; i < n && i < kAhead; ++i)
    if (is_new(i)) prefetch(texts[i]);
  for (uint32_t i = 0; i < n; ++i) {
    const RawText& t = texts[i];
    if (i + kAhead < n && is_new(i + kAhead)) prefetch(texts[i + kAhead]);
    call(&keys[t.key].gcm, &context, t.text, t.text, t.bytes, iv, aad, kAadBytes, tag[0], 16);
  }
}

void RawCrypto::Parts::fill(IMB_JOB& job, const RawText& t, uint32_t i) {
  RawKey& k = keys[t.key];
  std::memset(&job, 0, sizeof job);
  const uint32_t bytes = info.encr_id == kCbc ? (t.bytes + 15) / 16 * 16 : t.bytes;
  job.cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
  job.chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
  job.src = t.text;
  job.dst = t.text;
  job.msg_len_to_cipher_in_bytes = bytes;
  job.msg_len_to_hash_in_bytes = bytes;
  job.iv = iv;
  job.auth_tag_output = tag[i];
  if (info.encr_id == kChaCha) {
    job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job.chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job.enc_keys = job.dec_keys = k.chacha;
    job.key_len_in_bytes = 32;
    job.iv_len_in_bytes = 12;
    job.u.CHACHA20_POLY1305.aad = aad;
    job.u.CHACHA20_POLY1305.aad_len_in_bytes = kAadBytes;
    job.auth_tag_output_len_in_bytes = 16;
    return;
  }
  // ESP's header and IV are authenticated in front of the text.
  const uint32_t front = kEspHeader + (info.encr_id == kCbc ? 16 : 0);
  job.src = t.text - front;
  job.cipher_start_src_offset_in_bytes = front;
  job.msg_len_to_hash_in_bytes = bytes + front;
  job.cipher_mode = info.encr_id == kCbc ? IMB_CIPHER_CBC : IMB_CIPHER_NULL;
  job.enc_keys = k.encrypt;
  job.dec_keys = k.decrypt;
  job.key_len_in_bytes = info.encr_key_bytes;
  job.iv_len_in_bytes = 16;
  job.hash_alg = hash->hash;
  job.u.HMAC._hashed_auth_key_xor_ipad = k.inner;
  job.u.HMAC._hashed_auth_key_xor_opad = k.outer;
  job.auth_tag_output_len_in_bytes = hash->tag_bytes;
}

void RawCrypto::Parts::jobs(const RawText* texts, uint32_t n) {
  IMB_JOB* burst[kMaxTexts];
  for (uint32_t at = 0; at < n;) {
    const uint32_t room = IMB_GET_NEXT_BURST(manager, n - at, burst);
    for (uint32_t i = 0; i < room; ++i) fill(*burst[i], texts[at + i], at + i);
    (void)IMB_SUBMIT_BURST_NOCHECK(manager, room, burst);
    at += room;
    if (room == 0) (void)IMB_FLUSH_BURST(manager, kMaxTexts, burst);
  }
  while (IMB_FLUSH_BURST(manager, kMaxTexts, burst) != 0) continue;
}

RawCrypto::RawCrypto(const esp::AlgorithmInfo& algorithm, uint32_t keys, bool seal)
    : parts_(std::make_unique<Parts>(algorithm, keys, seal)) {}

RawCrypto::~RawCrypto() = default;

bool RawCrypto::ok() const {
  return parts_->ok();
}

void RawCrypto::run(const RawText* texts, uint32_t n) {
  parts_->info.encr_id == kGcm16 ? parts_->gcm(texts, n) : parts_->jobs(texts, n);
}

}  // namespace kanmon::bench
