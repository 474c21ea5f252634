// Known answers: a packet of each algorithm with and without extended sequence numbers, made by
// another implementation; and what was published, the AES-GCM-ESP test cases of
// draft-mcgrew-gcm-test-01 section 4, one per key length.
#include <cstdint>
#include <cstring>

#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/self_test_vectors.h"
#include "dataplane/esp/esp_wire.h"

namespace kanmon::crypto {

namespace {

struct KnownAnswer {
  esp::Algorithm algorithm;
  uint8_t key[32];
  uint8_t nonce[12];
  uint8_t aad[12];
  uint8_t aad_bytes;
  uint8_t length;
  uint8_t plain[72];
  uint8_t sealed[72 + kTagBytes];
};

constexpr KnownAnswer kAnswers[] = {
    {esp::Algorithm::kAes128Gcm16,
     {0x4c, 0x80, 0xcd, 0xef, 0xbb, 0x5d, 0x10, 0xda, 0x90, 0x6a, 0xc7, 0x3c, 0x36, 0x13, 0xa6,
      0x34},
     {0x2e, 0x44, 0x3b, 0x68, 0x49, 0x56, 0xed, 0x7e, 0x3b, 0x24, 0x4c, 0xfe},
     {0x00, 0x00, 0x43, 0x21, 0x87, 0x65, 0x43, 0x21, 0x00, 0x00, 0x00, 0x00},
     12,
     72,
     {0x45, 0x00, 0x00, 0x48, 0x69, 0x9a, 0x00, 0x00, 0x80, 0x11, 0x4d, 0xb7, 0xc0, 0xa8, 0x01,
      0x02, 0xc0, 0xa8, 0x01, 0x01, 0x0a, 0x9b, 0xf1, 0x56, 0x38, 0xd3, 0x01, 0x00, 0x00, 0x01,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x5f, 0x73, 0x69, 0x70, 0x04, 0x5f, 0x75, 0x64,
      0x70, 0x03, 0x73, 0x69, 0x70, 0x09, 0x63, 0x79, 0x62, 0x65, 0x72, 0x63, 0x69, 0x74, 0x79,
      0x02, 0x64, 0x6b, 0x00, 0x00, 0x21, 0x00, 0x01, 0x01, 0x02, 0x02, 0x01},
     {0xfe, 0xcf, 0x53, 0x7e, 0x72, 0x9d, 0x5b, 0x07, 0xdc, 0x30, 0xdf, 0x52, 0x8d, 0xd2, 0x2b,
      0x76, 0x8d, 0x1b, 0x98, 0x73, 0x66, 0x96, 0xa6, 0xfd, 0x34, 0x85, 0x09, 0xfa, 0x13, 0xce,
      0xac, 0x34, 0xcf, 0xa2, 0x43, 0x6f, 0x14, 0xa3, 0xf3, 0xcf, 0x65, 0x92, 0x5b, 0xf1, 0xf4,
      0xa1, 0x3c, 0x5d, 0x15, 0xb2, 0x1e, 0x18, 0x84, 0xf5, 0xff, 0x62, 0x47, 0xae, 0xab, 0xb7,
      0x86, 0xb9, 0x3b, 0xce, 0x61, 0xbc, 0x17, 0xd7, 0x68, 0xfd, 0x97, 0x32, 0x45, 0x90, 0x18,
      0x14, 0x8f, 0x6c, 0xbe, 0x72, 0x2f, 0xd0, 0x47, 0x96, 0x56, 0x2d, 0xfd, 0xb4}},
    {esp::Algorithm::kAes256Gcm16,
     {0xab, 0xbc, 0xcd, 0xde, 0xf0, 0x01, 0x12, 0x23, 0x34, 0x45, 0x56,
      0x67, 0x78, 0x89, 0x9a, 0xab, 0xab, 0xbc, 0xcd, 0xde, 0xf0, 0x01,
      0x12, 0x23, 0x34, 0x45, 0x56, 0x67, 0x78, 0x89, 0x9a, 0xab},
     {0x11, 0x22, 0x33, 0x44, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08},
     {0x4a, 0x2c, 0xbf, 0xe3, 0x00, 0x00, 0x00, 0x02},
     8,
     52,
     {0x45, 0x00, 0x00, 0x30, 0x69, 0xa6, 0x40, 0x00, 0x80, 0x06, 0x26, 0x90, 0xc0,
      0xa8, 0x01, 0x02, 0x93, 0x89, 0x15, 0x5e, 0x0a, 0x9e, 0x00, 0x8b, 0x2d, 0xc5,
      0x7e, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x70, 0x02, 0x40, 0x00, 0x20, 0xbf, 0x00,
      0x00, 0x02, 0x04, 0x05, 0xb4, 0x01, 0x01, 0x04, 0x02, 0x01, 0x02, 0x02, 0x01},
     {0xff, 0x42, 0x5c, 0x9b, 0x72, 0x45, 0x99, 0xdf, 0x7a, 0x3b, 0xcd, 0x51, 0x01, 0x94,
      0xe0, 0x0d, 0x6a, 0x78, 0x10, 0x7f, 0x1b, 0x0b, 0x1c, 0xbf, 0x06, 0xef, 0xae, 0x9d,
      0x65, 0xa5, 0xd7, 0x63, 0x74, 0x8a, 0x63, 0x79, 0x85, 0x77, 0x1d, 0x34, 0x7f, 0x05,
      0x45, 0x65, 0x9f, 0x14, 0xe9, 0x9d, 0xef, 0x84, 0x2d, 0x8e, 0xb3, 0x35, 0xf4, 0xee,
      0xcf, 0xdb, 0xf8, 0x31, 0x82, 0x4b, 0x4c, 0x49, 0x15, 0x95, 0x6c, 0x96}},
};

constexpr uint32_t kMaxText = sizeof KnownAnswer{}.sealed;

// A job over `text`, which begins as `from`.
Job job_over(const KnownAnswer& k, const Key& key, uint8_t* text, const uint8_t* from,
             uint32_t bytes) {
  std::memcpy(text, from, bytes);
  Job j = {};
  j.key = &key;
  j.text = text;
  j.length = k.length;
  j.aad_bytes = k.aad_bytes;
  j.algorithm = k.algorithm;
  std::memcpy(j.nonce, k.nonce, sizeof k.nonce);
  std::memcpy(j.aad, k.aad, sizeof k.aad);
  return j;
}

bool opens(Engine& engine, Job& j) {
  engine.open(&j, 1);
  return j.authentic;
}

bool passes(Engine& engine, const KnownAnswer& k) {
  Key key;
  const wire::Bytes raw(k.key, esp::info(k.algorithm).key_bytes());
  if (!engine.expand(k.algorithm, raw, key).ok()) return false;
  const uint32_t total = k.length + kTagBytes;

  uint8_t text[kMaxText] = {};
  Job seal = job_over(k, key, text, k.plain, k.length);
  engine.seal(&seal, 1);
  if (std::memcmp(text, k.sealed, total) != 0) return false;

  Job open = job_over(k, key, text, k.sealed, total);
  return opens(engine, open) && std::memcmp(text, k.plain, k.length) == 0;
}

// --- one packet of each algorithm; the rules of its contents are in self_test_vectors.h ---

constexpr uint32_t kTextBytes = 64;
constexpr uint32_t kSpi = 0x01020304;
constexpr uint64_t kSequence = 0x1122334455667788;
constexpr uint32_t kMaxPacket = esp::kHeaderBytes + esp::kMaxIvBytes + kTextBytes + 64;
// More than any instruction set works on at once, and not a multiple of it.
constexpr uint32_t kCrowd = 35;

uint8_t plain_octet(uint32_t i) {
  return static_cast<uint8_t>(3 * i + 5);
}

uint8_t hex_digit(char c) {
  return static_cast<uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

class Packets {
 public:
  Packets(Engine& engine, const KnownPacket& known)
      : engine_(engine), known_(known), a_(esp::info(known.algorithm)) {}

  bool pass() {
    uint8_t raw[96];
    for (uint32_t i = 0; i < a_.key_bytes(); ++i) raw[i] = static_cast<uint8_t>(7 * i + 1);
    if (!engine_.expand(known_.algorithm, {raw, a_.key_bytes()}, key_).ok()) return false;
    for (const uint32_t count : {1u, kCrowd})
      if (!seals(count) || !opens_all(count)) return false;
    return notices_changes();
  }

 private:
  uint32_t front() const { return esp::kHeaderBytes + a_.iv_bytes; }

  Job job(uint32_t at) {
    static constexpr uint8_t kSalt[4] = {0xa0, 0xa1, 0xa2, 0xa3};
    Job j = {};
    j.key = &key_;
    j.text = room_[at] + front();
    j.length = kTextBytes;
    j.algorithm = known_.algorithm;
    j.aad_bytes = esp::write_aad(j.aad, kSpi, kSequence, known_.extended);
    std::memcpy(j.nonce, kSalt, sizeof kSalt);
    store_be(j.nonce + 4, kSequence);
    return j;
  }
  void put_plain(uint32_t at) {
    std::memset(room_[at], 0, sizeof room_[at]);
    if (a_.is_aead() && !a_.has_implicit_iv()) store_be(room_[at] + esp::kHeaderBytes, kSequence);
    esp::write_header(room_[at], {kSpi, static_cast<uint32_t>(kSequence)});
    for (uint32_t i = 0; i < kTextBytes; ++i) room_[at][front() + i] = plain_octet(i);
  }
  uint32_t put_sealed(uint32_t at) {
    const char* digit = known_.sealed;
    uint32_t n = 0;
    for (; digit[0] != 0; digit += 2)
      room_[at][n++] = static_cast<uint8_t>(hex_digit(digit[0]) << 4 | hex_digit(digit[1]));
    return n;
  }
  bool is_plain(uint32_t at) const {
    for (uint32_t i = 0; i < kTextBytes; ++i)
      if (room_[at][front() + i] != plain_octet(i)) return false;
    return true;
  }

  bool seals(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      put_plain(i);
      jobs_[i] = job(i);
    }
    engine_.seal(jobs_, count);
    const uint32_t total = put_sealed(kCrowd);
    for (uint32_t i = 0; i < count; ++i)
      if (std::memcmp(room_[i], room_[kCrowd], total) != 0) return false;
    return true;
  }
  bool opens_all(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      put_sealed(i);
      jobs_[i] = job(i);
    }
    engine_.open(jobs_, count);
    for (uint32_t i = 0; i < count; ++i)
      if (!jobs_[i].authentic || !is_plain(i)) return false;
    return true;
  }

  // One flipped bit must be noticed, in one packet of a crowd, and in that one alone.
  bool notices_changes() {
    const uint32_t total = put_sealed(0);
    for (uint32_t i = 0; i < kCrowd; ++i) {
      put_sealed(i);
      jobs_[i] = job(i);
    }
    // Each at another place, over all of the text and the ICV; the AEADs' header is in the AAD.
    const uint32_t bytes = total - front();
    for (uint32_t i = 1; i < kCrowd; i += 2)
      room_[i][front() + i * (bytes - 1) / (kCrowd - 2)] ^= 0x80;
    engine_.open(jobs_, kCrowd);
    for (uint32_t i = 0; i < kCrowd; ++i)
      if (jobs_[i].authentic != (i % 2 == 0)) return false;
    return notices_number();
  }
  // The sequence number, whose high word is never on the wire.
  bool notices_number() {
    put_sealed(0);
    Job j = job(0);
    j.aad[4] ^= 1;
    if (!a_.is_aead() && !known_.extended) room_[0][4] ^= 1;
    if (opens(engine_, j)) return false;
    if (!a_.is_aead()) return true;
    put_sealed(0);
    Job nonce = job(0);
    nonce.nonce[0] ^= 1;
    return !opens(engine_, nonce);
  }

  Engine& engine_;
  const KnownPacket& known_;
  const esp::AlgorithmInfo& a_;
  Key key_;
  uint8_t room_[kCrowd + 1][kMaxPacket];
  Job jobs_[kCrowd];
};

}  // namespace

bool self_test(Engine& engine, const char** failed) {
  const auto fails = [failed](esp::Algorithm a) {
    if (failed != nullptr) *failed = esp::info(a).name;
    return false;
  };
  for (const KnownAnswer& k : kAnswers)
    if (!passes(engine, k)) return fails(k.algorithm);
  for (const KnownPacket& k : kKnownPackets)
    if (!Packets(engine, k).pass()) return fails(k.algorithm);
  return true;
}

}  // namespace kanmon::crypto
