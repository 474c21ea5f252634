#include "control/ike/wire/constants.h"

#include <cstddef>

namespace kanmon::ike {
namespace {

struct Name {
  uint16_t value;
  const char* text;
};

constexpr Name kExchanges[] = {
    {34, "IKE_SA_INIT"}, {35, "IKE_AUTH"}, {36, "CREATE_CHILD_SA"}, {37, "INFORMATIONAL"}};

// Exactly the types of PayloadType: is_known() rests on it.
constexpr Name kPayloads[] = {
    {33, "SA"},   {34, "KE"},    {35, "IDi"}, {36, "IDr"}, {37, "CERT"}, {38, "CERTREQ"},
    {39, "AUTH"}, {40, "Nonce"}, {41, "N"},   {42, "D"},   {43, "V"},    {44, "TSi"},
    {45, "TSr"},  {46, "SK"},    {47, "CP"},  {48, "EAP"}, {53, "SKF"}};

constexpr Name kNotifies[] = {
    {1, "UNSUPPORTED_CRITICAL_PAYLOAD"},
    {4, "INVALID_IKE_SPI"},
    {5, "INVALID_MAJOR_VERSION"},
    {7, "INVALID_SYNTAX"},
    {9, "INVALID_MESSAGE_ID"},
    {11, "INVALID_SPI"},
    {14, "NO_PROPOSAL_CHOSEN"},
    {17, "INVALID_KE_PAYLOAD"},
    {24, "AUTHENTICATION_FAILED"},
    {34, "SINGLE_PAIR_REQUIRED"},
    {35, "NO_ADDITIONAL_SAS"},
    {36, "INTERNAL_ADDRESS_FAILURE"},
    {37, "FAILED_CP_REQUIRED"},
    {38, "TS_UNACCEPTABLE"},
    {39, "INVALID_SELECTORS"},
    {40, "UNACCEPTABLE_ADDRESSES"},
    {41, "UNEXPECTED_NAT_DETECTED"},
    {43, "TEMPORARY_FAILURE"},
    {44, "CHILD_SA_NOT_FOUND"},
    {16384, "INITIAL_CONTACT"},
    {16385, "SET_WINDOW_SIZE"},
    {16386, "ADDITIONAL_TS_POSSIBLE"},
    {16387, "IPCOMP_SUPPORTED"},
    {16388, "NAT_DETECTION_SOURCE_IP"},
    {16389, "NAT_DETECTION_DESTINATION_IP"},
    {16390, "COOKIE"},
    {16391, "USE_TRANSPORT_MODE"},
    {16392, "HTTP_CERT_LOOKUP_SUPPORTED"},
    {16393, "REKEY_SA"},
    {16394, "ESP_TFC_PADDING_NOT_SUPPORTED"},
    {16395, "NON_FIRST_FRAGMENTS_ALSO"},
    {16396, "MOBIKE_SUPPORTED"},
    {16403, "AUTH_LIFETIME"},
    {16404, "MULTIPLE_AUTH_SUPPORTED"},
    {16406, "REDIRECT_SUPPORTED"},
    {16417, "EAP_ONLY_AUTHENTICATION"},
    {16418, "CHILDLESS_IKEV2_SUPPORTED"},
    {16419, "QUICK_CRASH_DETECTION"},
    {16420, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED"},
    {16430, "IKEV2_FRAGMENTATION_SUPPORTED"},
    {16431, "SIGNATURE_HASH_ALGORITHMS"},
    {16435, "USE_PPK"},
    {16438, "INTERMEDIATE_EXCHANGE_SUPPORTED"},
};

constexpr Name kProtocols[] = {{0, "NONE"}, {1, "IKE"}, {2, "AH"}, {3, "ESP"}};
constexpr Name kTransformTypes[] = {{1, "ENCR"}, {2, "PRF"}, {3, "INTEG"}, {4, "DH"}, {5, "ESN"}};
constexpr Name kAuthMethods[] = {{1, "RSA"},        {2, "SHARED_KEY"},        {3, "DSS"},
                                 {9, "ECDSA-256"},  {10, "ECDSA-384"},        {11, "ECDSA-521"},
                                 {13, "NULL-AUTH"}, {14, "DIGITAL-SIGNATURE"}};

// Names of transforms, those Kanmon refuses too: a log that says what the peer offers must be able
// to say it.
constexpr Name kEncrs[] = {{2, "DES"},
                           {3, "3DES"},
                           {11, "NULL"},
                           {12, "AES-CBC"},
                           {13, "AES-CTR"},
                           {14, "AES-CCM-8"},
                           {15, "AES-CCM-12"},
                           {16, "AES-CCM-16"},
                           {18, "AES-GCM-8"},
                           {19, "AES-GCM-12"},
                           {20, "AES-GCM-16"},
                           {21, "NULL-AES-GMAC"},
                           {23, "CAMELLIA-CBC"},
                           {28, "CHACHA20-POLY1305"},
                           {29, "AES-CCM-8-IIV"},
                           {30, "AES-GCM-16-IIV"},
                           {31, "CHACHA20-POLY1305-IIV"}};
constexpr Name kPrfs[] = {{1, "PRF-HMAC-MD5"},      {2, "PRF-HMAC-SHA1"},
                          {4, "PRF-AES128-XCBC"},   {5, "PRF-HMAC-SHA2-256"},
                          {6, "PRF-HMAC-SHA2-384"}, {7, "PRF-HMAC-SHA2-512"},
                          {8, "PRF-AES128-CMAC"}};
constexpr Name kIntegs[] = {{0, "NONE"},
                            {1, "HMAC-MD5-96"},
                            {2, "HMAC-SHA1-96"},
                            {5, "AES-XCBC-96"},
                            {8, "AES-CMAC-96"},
                            {12, "HMAC-SHA2-256-128"},
                            {13, "HMAC-SHA2-384-192"},
                            {14, "HMAC-SHA2-512-256"}};
constexpr Name kDhs[] = {{0, "NONE"},        {1, "MODP-768"},    {2, "MODP-1024"},
                         {5, "MODP-1536"},   {14, "MODP-2048"},  {15, "MODP-3072"},
                         {16, "MODP-4096"},  {17, "MODP-6144"},  {18, "MODP-8192"},
                         {19, "ECP-256"},    {20, "ECP-384"},    {21, "ECP-521"},
                         {31, "CURVE25519"}, {32, "CURVE448"},   {35, "ML-KEM-512"},
                         {36, "ML-KEM-768"}, {37, "ML-KEM-1024"}};
constexpr Name kEsns[] = {{0, "NO-ESN"}, {1, "ESN"}};

template <std::size_t N>
const char* find(const Name (&names)[N], uint16_t value) {
  for (const Name& n : names)
    if (n.value == value) return n.text;
  return nullptr;
}

template <std::size_t N>
std::string name_or_number(const Name (&names)[N], const char* kind, uint16_t value) {
  if (const char* text = find(names, value)) return text;
  return std::string(kind) + "-" + std::to_string(value);
}

const char* transform_text(TransformType type, uint16_t id) {
  switch (type) {
    case TransformType::kEncr:
      return find(kEncrs, id);
    case TransformType::kPrf:
      return find(kPrfs, id);
    case TransformType::kInteg:
      return find(kIntegs, id);
    case TransformType::kDh:
      return find(kDhs, id);
    case TransformType::kEsn:
      return find(kEsns, id);
  }
  return nullptr;
}

}  // namespace

std::string to_string(ExchangeType type) {
  return name_or_number(kExchanges, "EXCHANGE", static_cast<uint16_t>(type));
}
std::string to_string(PayloadType type) {
  return name_or_number(kPayloads, "PAYLOAD", static_cast<uint16_t>(type));
}
std::string to_string(NotifyType type) {
  return name_or_number(kNotifies, "NOTIFY", static_cast<uint16_t>(type));
}
std::string to_string(ProtocolId protocol) {
  return name_or_number(kProtocols, "PROTOCOL", static_cast<uint16_t>(protocol));
}
std::string to_string(TransformType type) {
  return name_or_number(kTransformTypes, "TRANSFORM", static_cast<uint16_t>(type));
}
std::string to_string(AuthMethod method) {
  return name_or_number(kAuthMethods, "AUTH", static_cast<uint16_t>(method));
}

std::string transform_name(TransformType type, uint16_t id, uint16_t key_bits) {
  const char* text = transform_text(type, id);
  // The spelling of esp::kAlgorithms and of the clouds' consoles.
  if (type == TransformType::kEncr && id == kEncrAesGcm16 && key_bits != 0)
    return "AES" + std::to_string(key_bits) + "-GCM-16";
  std::string name = text ? text : to_string(type) + "-" + std::to_string(id);
  if (key_bits != 0) name += "-" + std::to_string(key_bits);
  return name;
}

bool is_known(PayloadType type) {
  return find(kPayloads, static_cast<uint16_t>(type)) != nullptr;
}

}  // namespace kanmon::ike
