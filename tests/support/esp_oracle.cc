#include "tests/support/esp_oracle.h"

#include <cstring>

#include <openssl/evp.h>

#include "dataplane/wire/checksum.h"

namespace kanmon::test {

namespace {

Octets gcm(const Octets& key, const Octets& nonce, const Octets& aad, const Octets& text) {
  EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
  int n = 0;
  EVP_EncryptInit_ex(c, key.size() == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), nullptr,
                     key.data(), nonce.data());
  EVP_EncryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size()));
  Octets out(text.size() + 16);
  if (!text.empty())
    EVP_EncryptUpdate(c, out.data(), &n, text.data(), static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(c, out.data() + text.size(), &n);
  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out.data() + text.size());
  EVP_CIPHER_CTX_free(c);
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

}  // namespace

Octets forge(const TunnelSpec& t, const Octets& text, const ForgeSpec& s) {
  const Octets keymat = keymat_of(t);
  const std::size_t key_bytes = esp::info(t.algorithm).encr_key_bytes;
  const Octets key(keymat.begin(), keymat.begin() + static_cast<long>(key_bytes));
  Octets nonce(keymat.begin() + static_cast<long>(key_bytes), keymat.end());
  const uint64_t iv = s.iv != 0 ? s.iv : s.sequence;
  append_be(nonce, iv, 8);
  const uint32_t spi = s.spi.value_or(t.spi);
  Octets aad;
  append_be(aad, spi, 4);
  append_be(aad, s.aad_sequence.value_or(s.sequence), t.esn ? 8 : 4);
  Octets esp;
  append_be(esp, spi, 4);
  append_be(esp, s.sequence, 4);
  append_be(esp, iv, 8);
  const Octets sealed = gcm(key, nonce, aad, text);
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
  return forge(t, with_trailer(inner, inner[0] >> 4 == 4 ? 4 : 41), s);
}

}  // namespace kanmon::test
