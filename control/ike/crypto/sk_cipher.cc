#include "control/ike/crypto/sk_cipher.h"

#include <algorithm>
#include <array>
#include <memory>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "control/ike/crypto/prf.h"
#include "control/ike/wire/constants.h"
#include "dataplane/common/byteorder.h"

namespace kanmon::ike {
namespace {

constexpr std::size_t kSaltBytes = 4;
constexpr std::size_t kGcmIvBytes = 8;
constexpr std::size_t kGcmTagBytes = 16;
constexpr std::size_t kAesBlockBytes = 16;
constexpr std::size_t kPadLengthBytes = 1;

struct Row {
  uint16_t id;
  uint16_t key_bits;
  bool aead;
  const EVP_CIPHER* (*cipher)();
};
constexpr Row kRows[] = {
    {kEncrAesCbc, 128, false, EVP_aes_128_cbc},
    {kEncrAesCbc, 256, false, EVP_aes_256_cbc},
    {kEncrAesGcm16, 128, true, EVP_aes_128_gcm},
    {kEncrAesGcm16, 256, true, EVP_aes_256_gcm},
};

const Row* find(uint16_t id, uint16_t key_bits) {
  for (const Row& row : kRows)
    if (row.id == id && row.key_bits == key_bits) return &row;
  return nullptr;
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

Error refused(Errc code) {
  ERR_clear_error();
  return Error{code, 0};
}

int size_of(wire::Bytes bytes) {
  return static_cast<int>(bytes.size());  // IKE messages are below 2^16
}

// Ciphertext and plaintext may be the same octets. False on any refusal of OpenSSL.
bool run_cbc(const EVP_CIPHER* cipher, bool encrypt, wire::Bytes key, wire::Bytes iv,
             wire::Bytes in, wire::MutableBytes out) {
  const Context c(EVP_CIPHER_CTX_new());
  int n = 0;
  return c && EVP_CipherInit_ex(c.get(), cipher, nullptr, key.data(), iv.data(), encrypt) == 1 &&
         EVP_CIPHER_CTX_set_padding(c.get(), 0) == 1 &&
         EVP_CipherUpdate(c.get(), out.data(), &n, in.data(), size_of(in)) == 1 &&
         n == size_of(in) && EVP_CipherFinal_ex(c.get(), out.data() + n, &n) == 1 && n == 0;
}

// salt | IV: the nonce of RFC 5282 section 4.
std::array<uint8_t, kSaltBytes + kGcmIvBytes> gcm_nonce(wire::Bytes salt, wire::Bytes iv) {
  std::array<uint8_t, kSaltBytes + kGcmIvBytes> nonce;
  std::copy(salt.begin(), salt.end(), nonce.begin());
  std::copy(iv.begin(), iv.end(), nonce.begin() + kSaltBytes);
  return nonce;
}

// Everything up to the tag; the caller sets or gets it.
bool start_gcm(EVP_CIPHER_CTX* c, const EVP_CIPHER* cipher, bool encrypt, wire::Bytes key,
               wire::Bytes nonce, wire::Bytes aad) {
  int n = 0;
  return c != nullptr &&
         EVP_CipherInit_ex(c, cipher, nullptr, key.data(), nonce.data(), encrypt) == 1 &&
         EVP_CipherUpdate(c, nullptr, &n, aad.data(), size_of(aad)) == 1;
}

bool finish_gcm(EVP_CIPHER_CTX* c, wire::Bytes in, wire::MutableBytes out) {
  int n = 0;
  return EVP_CipherUpdate(c, out.data(), &n, in.data(), size_of(in)) == 1 && n == size_of(in) &&
         EVP_CipherFinal_ex(c, out.data() + n, &n) == 1 && n == 0;
}

}  // namespace

std::size_t encryption_key_bytes(uint16_t encryption_id, uint16_t key_bits) {
  const Row* row = find(encryption_id, key_bits);
  return row == nullptr ? 0 : key_bits / 8u + (row->aead ? kSaltBytes : 0);
}

bool is_aead(uint16_t encryption_id) {
  return std::any_of(std::begin(kRows), std::end(kRows),
                     [=](const Row& row) { return row.id == encryption_id && row.aead; });
}

Result<SkCipher> SkCipher::make(uint16_t encryption_id, uint16_t key_bits, uint16_t integrity_id,
                                Secret encryption_key, Secret integrity_key) {
  const Row* row = find(encryption_id, key_bits);
  const IntegritySizes mac = integrity_sizes(integrity_id);
  if (row == nullptr || row->aead != (mac.icv == 0)) return Errc::kUnsupported;
  if (row->aead && integrity_id != kIntegNone) return Errc::kUnsupported;
  if (encryption_key.size() != encryption_key_bytes(encryption_id, key_bits) ||
      integrity_key.size() != mac.key)
    return Errc::kBadLength;
  SkCipher c;
  c.encryption_id_ = encryption_id;
  c.key_bits_ = key_bits;
  c.integrity_id_ = integrity_id;
  c.iv_bytes_ = row->aead ? kGcmIvBytes : kAesBlockBytes;
  c.icv_bytes_ = row->aead ? kGcmTagBytes : mac.icv;
  c.block_bytes_ = row->aead ? 1 : kAesBlockBytes;
  c.key_ = Secret(encryption_key.bytes().first(key_bits / 8u));
  c.salt_ = Secret(encryption_key.bytes().subspan(key_bits / 8u));
  c.integrity_key_ = std::move(integrity_key);
  return c;
}

std::size_t SkCipher::sealed_bytes(std::size_t plain_bytes) const {
  const std::size_t inner = plain_bytes + kPadLengthBytes;
  const std::size_t padded = (inner + block_bytes_ - 1) / block_bytes_ * block_bytes_;
  return iv_bytes_ + padded + icv_bytes_;
}

std::size_t SkCipher::plain_room(std::size_t room) const {
  const std::size_t fixed = iv_bytes_ + icv_bytes_;
  if (room < fixed + block_bytes_) return 0;
  return (room - fixed) / block_bytes_ * block_bytes_ - kPadLengthBytes;
}

Status SkCipher::seal(wire::MutableBytes message, std::size_t body_at, std::size_t plain_bytes,
                      const RandomFn& random) {
  if (key_.empty()) return Errc::kUnsupported;
  if (message.size() > kMaxMessageBytes || body_at > message.size() ||
      message.size() - body_at != sealed_bytes(plain_bytes))
    return Errc::kBadLength;
  const std::size_t inner = message.size() - body_at - iv_bytes_ - icv_bytes_;
  const wire::MutableBytes tail =
      message.subspan(body_at + iv_bytes_ + plain_bytes, inner - plain_bytes);
  std::fill(tail.begin(), tail.end(), uint8_t{0});
  tail.back() = static_cast<uint8_t>(tail.size() - kPadLengthBytes);
  return is_aead(encryption_id_) ? seal_aead(message, body_at, inner)
                                 : seal_cbc(message, body_at, inner, random);
}

Status SkCipher::seal_aead(wire::MutableBytes message, std::size_t body_at, std::size_t inner) {
  if (next_iv_ == 0) return Errc::kNoSpace;
  const wire::MutableBytes iv = message.subspan(body_at, kGcmIvBytes);
  store_be(iv.data(), next_iv_++);
  const auto nonce = gcm_nonce(salt_.bytes(), iv);
  const wire::MutableBytes text = message.subspan(body_at + kGcmIvBytes, inner);
  const EVP_CIPHER* cipher = find(encryption_id_, key_bits_)->cipher();
  const Context c(EVP_CIPHER_CTX_new());
  if (!start_gcm(c.get(), cipher, true, key_.bytes(), nonce, message.first(body_at)) ||
      !finish_gcm(c.get(), text, text) ||
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes,
                          message.last(kGcmTagBytes).data()) != 1)
    return refused(Errc::kSystem);
  return success();
}

// Encrypt, then MAC over everything before the ICV (RFC 7296 section 3.14).
Status SkCipher::seal_cbc(wire::MutableBytes message, std::size_t body_at, std::size_t inner,
                          const RandomFn& random) {
  const wire::MutableBytes iv = message.subspan(body_at, kAesBlockBytes);
  random(iv);
  const wire::MutableBytes text = message.subspan(body_at + kAesBlockBytes, inner);
  const EVP_CIPHER* cipher = find(encryption_id_, key_bits_)->cipher();
  if (!run_cbc(cipher, true, key_.bytes(), iv, text, text)) return refused(Errc::kSystem);
  return integrity(integrity_id_, integrity_key_.bytes(),
                   message.first(message.size() - icv_bytes_), message.last(icv_bytes_));
}

Result<std::vector<uint8_t>> SkCipher::open(wire::Bytes message, std::size_t body_at) const {
  if (key_.empty()) return Errc::kUnsupported;
  const auto at = static_cast<uint32_t>(body_at);
  if (message.size() > kMaxMessageBytes) return Errc::kBadLength;
  if (body_at > message.size() ||
      message.size() - body_at < iv_bytes_ + icv_bytes_ + kPadLengthBytes)
    return Error{Errc::kTruncated, at};
  std::vector<uint8_t> plain(message.size() - body_at - iv_bytes_ - icv_bytes_);
  if (plain.size() % block_bytes_ != 0) return Error{Errc::kBadAlign, at};
  const Status opened = is_aead(encryption_id_) ? open_aead(message, body_at, plain)
                                                : open_cbc(message, body_at, plain);
  if (!opened.ok()) return Error{opened.error().code, at};
  // Authentic from here on: the padding may be looked at.
  const std::size_t padding = plain.back() + kPadLengthBytes;
  if (padding > plain.size()) return Error{Errc::kBadLength, at};
  plain.resize(plain.size() - padding);
  return plain;
}

Status SkCipher::open_aead(wire::Bytes message, std::size_t body_at, wire::MutableBytes out) const {
  const auto nonce = gcm_nonce(salt_.bytes(), message.subspan(body_at, kGcmIvBytes));
  std::array<uint8_t, kGcmTagBytes> tag;
  const wire::Bytes received = message.last(kGcmTagBytes);
  std::copy(received.begin(), received.end(), tag.begin());
  const EVP_CIPHER* cipher = find(encryption_id_, key_bits_)->cipher();
  const Context c(EVP_CIPHER_CTX_new());
  if (!start_gcm(c.get(), cipher, false, key_.bytes(), nonce, message.first(body_at)) ||
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) != 1)
    return refused(Errc::kSystem);
  if (finish_gcm(c.get(), message.subspan(body_at + kGcmIvBytes, out.size()), out))
    return success();
  wipe(out);
  return refused(Errc::kAuthFailed);
}

Status SkCipher::open_cbc(wire::Bytes message, std::size_t body_at, wire::MutableBytes out) const {
  std::array<uint8_t, EVP_MAX_MD_SIZE> room;
  const wire::MutableBytes icv = wire::MutableBytes(room).first(icv_bytes_);
  const Status computed = integrity(integrity_id_, integrity_key_.bytes(),
                                    message.first(message.size() - icv_bytes_), icv);
  if (!computed.ok()) return computed;
  if (!equal_in_constant_time(icv, message.last(icv_bytes_))) return Errc::kAuthFailed;
  const EVP_CIPHER* cipher = find(encryption_id_, key_bits_)->cipher();
  const wire::Bytes iv = message.subspan(body_at, kAesBlockBytes);
  const wire::Bytes text = message.subspan(body_at + kAesBlockBytes, out.size());
  if (!run_cbc(cipher, false, key_.bytes(), iv, text, out)) return refused(Errc::kSystem);
  return success();
}

}  // namespace kanmon::ike
