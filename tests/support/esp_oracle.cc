#include "tests/support/esp_oracle.h"

#include <cstring>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "dataplane/wire/checksum.h"

namespace kanmon::test {

namespace {

Octets aead(const EVP_CIPHER* cipher, const Octets& key, const Octets& nonce, const Octets& aad,
            const Octets& text) {
  EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
  int n = 0;
  EVP_EncryptInit_ex(c, cipher, nullptr, key.data(), nonce.data());
  EVP_EncryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size()));
  Octets out(text.size() + 16);
  if (!text.empty())
    EVP_EncryptUpdate(c, out.data(), &n, text.data(), static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(c, out.data() + text.size(), &n);
  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out.data() + text.size());
  EVP_CIPHER_CTX_free(c);
  return out;
}

const EVP_CIPHER* aead_of(esp::Algorithm a) {
  if (esp::info(a).is_chacha20()) return EVP_chacha20_poly1305();
  return esp::info(a).encr_key_bytes == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

// CBC takes whole blocks only; a text that is none is cut, as no real sender could make it.
Octets cbc(const Octets& key, const Octets& iv, const Octets& text) {
  EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex(c, key.size() == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc(), nullptr,
                     key.data(), iv.data());
  EVP_CIPHER_CTX_set_padding(c, 0);
  Octets out(text.size() + 16);
  int n = 0;
  EVP_EncryptUpdate(c, out.data(), &n, text.data(), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(n));
  EVP_CIPHER_CTX_free(c);
  return out;
}

Octets hmac(uint16_t integ_id, const Octets& key, const Octets& message, std::size_t icv_bytes) {
  const EVP_MD* hash = integ_id == 2    ? EVP_sha1()
                       : integ_id == 12 ? EVP_sha256()
                       : integ_id == 13 ? EVP_sha384()
                                        : EVP_sha512();
  Octets out(EVP_MAX_MD_SIZE);
  unsigned n = 0;
  HMAC(hash, key.data(), static_cast<int>(key.size()), message.data(), message.size(), out.data(),
       &n);
  out.resize(icv_bytes);
  return out;
}

void append_be(Octets& out, uint64_t v, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

Octets outer_header(const TunnelSpec& t, const ForgeSpec& s, std::size_t payload) {
  const sa::EncapParams e = encap_of(t);
  wire::IpAddress source = e.local.address, destination = e.remote.address;
  if (s.source != nullptr) source = *wire::IpAddress::parse(s.source);
  if (s.destination != nullptr) destination = *wire::IpAddress::parse(s.destination);
  const std::size_t udp = t.udp ? 8 : 0;
  const uint8_t protocol = t.udp ? 17 : 50;
  Octets h;
  if (!t.outer6) {
    h = {0x45, s.outer_class};
    append_be(h, 20 + udp + payload, 2);
    append_be(h, 0x00014000, 4);
    h.insert(h.end(), {64, protocol, 0, 0});
    h.insert(h.end(), source.octets.begin(), source.octets.begin() + 4);
    h.insert(h.end(), destination.octets.begin(), destination.octets.begin() + 4);
    const uint16_t sum = wire::checksum({h.data(), 20});
    std::memcpy(&h[10], &sum, 2);
  } else {
    append_be(h, uint32_t{6} << 28 | uint32_t{s.outer_class} << 20, 4);
    append_be(h, udp + payload, 2);
    h.insert(h.end(), {protocol, 64});
    h.insert(h.end(), source.octets.begin(), source.octets.end());
    h.insert(h.end(), destination.octets.begin(), destination.octets.end());
  }
  if (t.udp) {
    append_be(h, s.source_port, 2);
    append_be(h, 4500, 2);
    append_be(h, 8 + payload, 2);
    append_be(h, 0, 2);
  }
  return h;
}

Octets key_part(const Octets& keymat, std::size_t from, std::size_t bytes) {
  const auto at = keymat.begin() + static_cast<long>(from);
  return Octets(at, at + static_cast<long>(bytes));
}

// What stands behind the ESP header: IV, ciphertext, ICV.
Octets sealed_aead(const TunnelSpec& t, const Octets& aad, uint64_t iv, const Octets& text) {
  const esp::AlgorithmInfo& a = esp::info(t.algorithm);
  const Octets keymat = keymat_of(t);
  Octets nonce = key_part(keymat, a.encr_key_bytes, a.salt_bytes);
  append_be(nonce, iv, 8);
  Octets out;
  append_be(out, iv, a.iv_bytes);
  const Octets key = key_part(keymat, 0, a.encr_key_bytes);
  const Octets sealed = aead(aead_of(t.algorithm), key, nonce, aad, text);
  out.insert(out.end(), sealed.begin(), sealed.end());
  return out;
}

Octets sealed_hmac(const TunnelSpec& t, const Octets& header, const Octets& high_word,
                   const Octets& iv, const Octets& text) {
  const esp::AlgorithmInfo& a = esp::info(t.algorithm);
  const Octets keymat = keymat_of(t);
  Octets out = text;
  if (a.encr_key_bytes != 0) {
    out = iv;
    const Octets sealed = cbc(key_part(keymat, 0, a.encr_key_bytes), iv, text);
    out.insert(out.end(), sealed.begin(), sealed.end());
  }
  Octets message = header;
  message.insert(message.end(), out.begin(), out.end());
  message.insert(message.end(), high_word.begin(), high_word.end());
  const Octets icv =
      hmac(a.integ_id, key_part(keymat, a.encr_key_bytes, a.integ_key_bytes), message, a.icv_bytes);
  out.insert(out.end(), icv.begin(), icv.end());
  return out;
}

}  // namespace

Octets forge(const TunnelSpec& t, const Octets& text, const ForgeSpec& s) {
  const uint64_t iv = s.iv != 0 ? s.iv : s.sequence;
  const uint32_t spi = s.spi.value_or(t.spi);
  const uint64_t authenticated = s.aad_sequence.value_or(s.sequence);
  Octets esp, aad, high_word;
  append_be(esp, spi, 4);
  append_be(esp, s.sequence, 4);
  append_be(aad, spi, 4);
  append_be(aad, authenticated, t.esn ? 8 : 4);
  if (t.esn) append_be(high_word, authenticated >> 32, 4);
  const Octets cbc_iv = s.cbc_iv.value_or(pattern(16, static_cast<uint32_t>(iv)));
  const Octets sealed = esp::info(t.algorithm).is_aead()
                            ? sealed_aead(t, aad, iv, text)
                            : sealed_hmac(t, esp, high_word, cbc_iv, text);
  esp.insert(esp.end(), sealed.begin(), sealed.end());
  Octets packet = outer_header(t, s, esp.size());
  packet.insert(packet.end(), esp.begin(), esp.end());
  return packet;
}

Octets with_trailer(Octets inner, std::size_t pad, uint8_t next_header) {
  for (std::size_t i = 1; i <= pad; ++i) inner.push_back(static_cast<uint8_t>(i));
  inner.push_back(static_cast<uint8_t>(pad));
  inner.push_back(next_header);
  return inner;
}

Octets with_trailer(const Octets& inner, uint8_t next_header) {
  return with_trailer(inner, (4 - (inner.size() + 2) % 4) % 4, next_header);
}

Octets forge_packet(const TunnelSpec& t, const Octets& inner, const ForgeSpec& s) {
  const std::size_t align = esp::info(t.algorithm).align;
  const std::size_t pad = (align - (inner.size() + 2) % align) % align;
  return forge(t, with_trailer(inner, pad, inner[0] >> 4 == 4 ? 4 : 41), s);
}

}  // namespace kanmon::test
