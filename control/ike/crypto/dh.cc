#include "control/ike/crypto/dh.h"

#include <algorithm>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#include "control/ike/wire/constants.h"

namespace kanmon::ike {
namespace {

enum class Kind : uint8_t { kModp, kEcp, kMontgomery };

struct Group {
  uint16_t id;
  Kind kind;
  const char* key_type;  // OpenSSL's name of the kind of key, …
  const char* name;      // … and of the group; null if the kind says it all
  std::size_t public_bytes;
  std::size_t shared_bytes;
};
constexpr Group kGroups[] = {
    {kDhModp2048, Kind::kModp, "DH", "modp_2048", 256, 256},
    {kDhEcp256, Kind::kEcp, "EC", "P-256", 64, 32},
    {kDhEcp384, Kind::kEcp, "EC", "P-384", 96, 48},
    {kDhCurve25519, Kind::kMontgomery, "X25519", nullptr, 32, 32},
};

// What OpenSSL puts before x | y; IKE leaves it out (RFC 5903 section 7).
constexpr uint8_t kUncompressedPoint = 4;

const Group* find(uint16_t id) {
  for (const Group& g : kGroups)
    if (g.id == id) return &g;
  return nullptr;
}

template <auto free_it>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    free_it(p);
  }
};
using Bn = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;
using BnContext = std::unique_ptr<BN_CTX, Freer<BN_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;

// Leaves OpenSSL's error queue empty: what a peer provoked must not explain a later failure.
Error refused(Errc code) {
  ERR_clear_error();
  return Error{code, 0};
}

Bn to_bn(wire::Bytes big_endian) {
  return Bn(BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr));
}

// 1 < y < p - 1, and y in the subgroup of prime order (p - 1) / 2: for a safe prime that is the
// subgroup of squares, which the Kronecker symbol tells at a hundredth of y^q's cost. RFC 6989 2.1.
bool modp_value_is_sound(wire::Bytes value) {
  const Bn y = to_bn(value);
  const Bn p(BN_get_rfc3526_prime_2048(nullptr));
  const Bn last(BN_dup(p.get()));
  const BnContext context(BN_CTX_new());
  if (!y || !p || !last || !context || BN_sub_word(last.get(), 1) != 1) return false;
  if (BN_is_zero(y.get()) || BN_is_one(y.get()) || BN_cmp(y.get(), last.get()) >= 0) return false;
  return BN_kronecker(y.get(), p.get(), context.get()) == 1;
}

// The public value as OpenSSL takes it: a number, 04 | x | y, or 32 octets.
bool push_public(OSSL_PARAM_BLD* builder, const Group& g, wire::Bytes value, Bn& number,
                 std::vector<uint8_t>& point) {
  if (g.kind == Kind::kModp) {
    number = to_bn(value);
    return number && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PUB_KEY, number.get()) == 1;
  }
  if (g.kind == Kind::kEcp) point.push_back(kUncompressedPoint);
  point.insert(point.end(), value.begin(), value.end());
  return OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                          point.size()) == 1;
}

bool push_private(OSSL_PARAM_BLD* builder, const Group& g, wire::Bytes value, Bn& number) {
  if (value.empty()) return true;
  if (g.kind == Kind::kMontgomery)
    return OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PRIV_KEY, value.data(),
                                            value.size()) == 1;
  number = to_bn(value);
  return number && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number.get()) == 1;
}

// A key of a public and, unless empty, a private value; null if OpenSSL refuses them, as it does
// points that are not on the curve.
EVP_PKEY* import_key(const Group& g, wire::Bytes public_value, wire::Bytes private_value) {
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  Bn public_number, private_number;  // the builder keeps pointers until to_param()
  std::vector<uint8_t> point;
  if (!builder) return nullptr;
  if (g.name != nullptr &&
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, g.name, 0) != 1)
    return nullptr;
  if (!push_public(builder.get(), g, public_value, public_number, point)) return nullptr;
  if (!push_private(builder.get(), g, private_value, private_number)) return nullptr;
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, g.key_type, nullptr));
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  EVP_PKEY* key = nullptr;
  const int selection = private_value.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  if (EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1) return nullptr;
  return key;
}

// On the curve, in range, not infinity. The order needs no check where the cofactor is 1 (RFC 6989
// section 2.3); OpenSSL's full check would multiply once more for it.
bool point_is_sound(EVP_PKEY* peer) {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, peer, nullptr));
  return context && EVP_PKEY_public_check_quick(context.get()) == 1;
}

// REQUIRES: the peer's value has been checked; the checks OpenSSL has here cost more than the rest.
bool derive(EVP_PKEY* own, EVP_PKEY* peer, const Group& g, Secret& out) {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr));
  if (!context || EVP_PKEY_derive_init(context.get()) != 1) return false;
  if (g.kind == Kind::kModp && EVP_PKEY_CTX_set_dh_pad(context.get(), 1) != 1) return false;
  if (EVP_PKEY_derive_set_peer_ex(context.get(), peer, /*validate_peer=*/0) != 1) return false;
  std::size_t written = out.size();
  return EVP_PKEY_derive(context.get(), out.mutable_bytes().data(), &written) == 1 &&
         written == out.size();
}

bool all_zero(wire::Bytes bytes) {
  uint8_t any = 0;
  for (const uint8_t octet : bytes) any |= octet;
  return any == 0;
}

}  // namespace

std::size_t dh_public_bytes(uint16_t group) {
  const Group* g = find(group);
  return g == nullptr ? 0 : g->public_bytes;
}

void Dh::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

Result<Dh> Dh::make(uint16_t group) {
  const Group* g = find(group);
  if (g == nullptr) return Errc::kUnsupported;
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, g->key_type, nullptr));
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1) return refused(Errc::kSystem);
  if (g->name != nullptr && EVP_PKEY_CTX_set_group_name(context.get(), g->name) != 1)
    return refused(Errc::kSystem);
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_generate(context.get(), &key) != 1) return refused(Errc::kSystem);
  return finish(group, Key(key));
}

Result<Dh> Dh::with_key(uint16_t group, wire::Bytes private_value, wire::Bytes public_value) {
  const Group* g = find(group);
  if (g == nullptr) return Errc::kUnsupported;
  if (public_value.size() != g->public_bytes || private_value.empty()) return Errc::kBadLength;
  Key key(import_key(*g, public_value, private_value));
  if (!key) return refused(Errc::kBadValue);
  return finish(group, std::move(key));
}

Result<Dh> Dh::finish(uint16_t group, Key key) {
  const Group* g = find(group);
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key.get(), &encoded);
  const std::size_t prefix = g->kind == Kind::kEcp ? 1 : 0;
  Dh dh;
  dh.group_ = group;
  dh.key_ = std::move(key);
  if (size == g->public_bytes + prefix) dh.public_.assign(encoded + prefix, encoded + size);
  OPENSSL_free(encoded);
  if (dh.public_.empty()) return refused(Errc::kSystem);
  return dh;
}

Result<Secret> Dh::shared(wire::Bytes peer) const {
  const Group* g = find(group_);
  if (g == nullptr || !key_) return Errc::kUnsupported;
  if (peer.size() != g->public_bytes) return Errc::kBadLength;
  if (g->kind == Kind::kModp && !modp_value_is_sound(peer)) return refused(Errc::kBadValue);
  const Key theirs(import_key(*g, peer, {}));
  if (!theirs || (g->kind == Kind::kEcp && !point_is_sound(theirs.get())))
    return refused(Errc::kBadValue);
  Secret out(g->shared_bytes);
  // Our own key is sound, so that a refusal can only be about the peer's.
  if (!derive(key_.get(), theirs.get(), *g, out)) return refused(Errc::kBadValue);
  if (all_zero(out.bytes())) return Errc::kBadValue;
  return out;
}

}  // namespace kanmon::ike
