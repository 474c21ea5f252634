#include "control/ike/kdf.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "control/ike/crypto/prf.h"
#include "control/ike/crypto/sk_cipher.h"
#include "dataplane/common/byteorder.h"

namespace kanmon::ike {
namespace {

// 17 octets, without a terminating zero (2.15).
constexpr std::string_view kKeyPad = "Key Pad for IKEv2";

wire::Bytes octets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Cuts keys off the front of a longer string of octets.
class Cutter {
 public:
  explicit Cutter(const Secret& all) : left_(all.bytes()) {}
  Secret take(std::size_t n) {
    Secret part(left_.first(n));
    left_ = left_.subspan(n);
    return part;
  }

 private:
  wire::Bytes left_;
};

// "At least half the key size of the negotiated prf" (2.10); their least size of all is the payload
// parser's.
bool fit(uint16_t prf_id, wire::Bytes ni, wire::Bytes nr) {
  return 2 * std::min(ni.size(), nr.size()) >= prf_bytes(prf_id);
}

}  // namespace

Result<Secret> skeyseed(uint16_t prf_id, wire::Bytes ni, wire::Bytes nr, const Secret& shared) {
  if (!fit(prf_id, ni, nr)) return Errc::kBadLength;
  Secret key(ni.size() + nr.size());
  std::copy(ni.begin(), ni.end(), key.mutable_bytes().begin());
  std::copy(nr.begin(), nr.end(), key.mutable_bytes().begin() + static_cast<long>(ni.size()));
  return prf(prf_id, key.bytes(), {shared.bytes()});
}

Result<Secret> skeyseed_of_rekey(uint16_t old_prf_id, const Secret& old_sk_d, const Secret& shared,
                                 wire::Bytes ni, wire::Bytes nr) {
  if (!fit(old_prf_id, ni, nr)) return Errc::kBadLength;
  return prf(old_prf_id, old_sk_d.bytes(), {shared.bytes(), ni, nr});
}

Result<IkeKeys> derive_ike_keys(const IkeSuite& suite, const Secret& seed, wire::Bytes ni,
                                wire::Bytes nr, uint64_t spi_initiator, uint64_t spi_responder) {
  const std::size_t p = prf_bytes(suite.prf);
  const std::size_t a = integrity_sizes(suite.integrity).key;
  const std::size_t e = encryption_key_bytes(suite.encryption, suite.key_bits);
  if (p == 0 || e == 0 || is_aead(suite.encryption) != (a == 0)) return Errc::kUnsupported;
  std::array<uint8_t, 16> spis;
  store_be(spis.data(), spi_initiator);
  store_be(spis.data() + 8, spi_responder);
  const auto all = prf_plus(suite.prf, seed.bytes(), {ni, nr, spis}, 3 * p + 2 * a + 2 * e);
  if (!all.ok()) return all.error();
  Cutter cut(*all);
  IkeKeys keys;
  keys.d = cut.take(p);
  keys.ai = cut.take(a);
  keys.ar = cut.take(a);
  keys.ei = cut.take(e);
  keys.er = cut.take(e);
  keys.pi = cut.take(p);
  keys.pr = cut.take(p);
  return keys;
}

Result<ChildKeys> derive_child_keys(uint16_t prf_id, const Secret& sk_d, const Secret& shared,
                                    wire::Bytes ni, wire::Bytes nr, std::size_t bytes_each) {
  if (!fit(prf_id, ni, nr)) return Errc::kBadLength;
  const auto all = prf_plus(prf_id, sk_d.bytes(), {shared.bytes(), ni, nr}, 2 * bytes_each);
  if (!all.ok()) return all.error();
  Cutter cut(*all);
  ChildKeys keys;
  keys.initiator = cut.take(bytes_each);
  keys.responder = cut.take(bytes_each);
  return keys;
}

Result<Secret> psk_auth(uint16_t prf_id, const Secret& psk, wire::Bytes message,
                        wire::Bytes peer_nonce, const Secret& sk_p, wire::Bytes id_body) {
  const auto padded = prf(prf_id, psk.bytes(), {octets(kKeyPad)});
  if (!padded.ok()) return padded.error();
  const auto maced_id = prf(prf_id, sk_p.bytes(), {id_body});
  if (!maced_id.ok()) return maced_id.error();
  return prf(prf_id, padded->bytes(), {message, peer_nonce, maced_id->bytes()});
}

}  // namespace kanmon::ike
