#include "control/watch/wireshark_keys.h"

#include <fmt/format.h>

namespace kanmon::watch {
namespace {

// IANA's transform ids to the names in Wireshark's preferences (epan/dissectors/packet-ipsec.c and
// packet-isakmp.c). Anything else it does not decrypt.
struct Name {
  uint16_t id;
  uint16_t key_bits;  // 0: any
  const char* name;
};
constexpr Name kEspEncryptions[] = {
    {11, 0, "NULL"}, {12, 0, "AES-CBC [RFC3602]"}, {20, 0, "AES-GCM with 16 octet ICV [RFC4106]"}};
constexpr Name kEspIntegrities[] = {{0, 0, "NULL"},
                                    {2, 0, "HMAC-SHA-1-96 [RFC2404]"},
                                    {12, 0, "HMAC-SHA-256-128 [RFC4868]"},
                                    {13, 0, "HMAC-SHA-384-192 [RFC4868]"},
                                    {14, 0, "HMAC-SHA-512-256 [RFC4868]"}};
constexpr Name kIkeEncryptions[] = {{12, 128, "AES-CBC-128 [RFC3602]"},
                                    {12, 256, "AES-CBC-256 [RFC3602]"},
                                    {20, 128, "AES-GCM-128 with 16 octet ICV [RFC5282]"},
                                    {20, 256, "AES-GCM-256 with 16 octet ICV [RFC5282]"}};
constexpr Name kIkeIntegrities[] = {{0, 0, "NONE [RFC4306]"},
                                    {12, 0, "HMAC_SHA2_256_128 [RFC4868]"},
                                    {13, 0, "HMAC_SHA2_384_192 [RFC4868]"},
                                    {14, 0, "HMAC_SHA2_512_256 [RFC4868]"}};

template <std::size_t n>
const char* find(const Name (&names)[n], uint16_t id, uint16_t key_bits = 0) {
  for (const Name& row : names)
    if (row.id == id && (row.key_bits == 0 || row.key_bits == key_bits)) return row.name;
  return nullptr;
}

void append_hex(std::string& to, wire::Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const uint8_t octet : bytes) {
    to += kDigits[octet >> 4];
    to += kDigits[octet & 15];
  }
}

}  // namespace

bool append_line(const EspKey& key, std::string& to) {
  const esp::AlgorithmInfo& a = esp::info(key.algorithm);
  const char* encryption = find(kEspEncryptions, a.encr_id);
  const char* integrity = find(kEspIntegrities, a.integ_id);
  if (encryption == nullptr || integrity == nullptr || key.keymat.size() != a.keymat_bytes())
    return false;
  const std::size_t encryption_bytes = a.encr_key_bytes + a.salt_bytes;
  fmt::format_to(std::back_inserter(to), R"("{}","{}","{}","0x{:08x}","{}",")",
                 key.source.is_v4() ? "IPv4" : "IPv6", key.source.to_string(),
                 key.destination.to_string(), key.spi, encryption);
  if (encryption_bytes != 0) to += "0x";
  append_hex(to, key.keymat.first(encryption_bytes));
  fmt::format_to(std::back_inserter(to), R"(","{}",")", integrity);
  if (a.integ_key_bytes != 0) to += "0x";
  append_hex(to, key.keymat.subspan(encryption_bytes));
  to += "\"\n";
  return true;
}

bool append_line(const IkeKey& key, std::string& to) {
  const char* encryption = find(kIkeEncryptions, key.encryption_id, key.key_bits);
  const char* integrity = find(kIkeIntegrities, key.integrity_id);
  if (encryption == nullptr || integrity == nullptr) return false;
  fmt::format_to(std::back_inserter(to), "{:016x},{:016x},", key.spi_initiator, key.spi_responder);
  append_hex(to, key.encryption_initiator);
  to += ',';
  append_hex(to, key.encryption_responder);
  fmt::format_to(std::back_inserter(to), ",\"{}\",", encryption);
  append_hex(to, key.integrity_initiator);
  to += ',';
  append_hex(to, key.integrity_responder);
  fmt::format_to(std::back_inserter(to), ",\"{}\"\n", integrity);
  return true;
}

}  // namespace kanmon::watch
