#include "control/ike/crypto/prf.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "control/ike/wire/constants.h"

namespace kanmon::ike {
namespace {

struct PrfRow {
  uint16_t id;
  std::size_t bytes;
  const char* digest;
};
constexpr PrfRow kPrfs[] = {
    {kPrfSha256, 32, "SHA256"}, {kPrfSha384, 48, "SHA384"}, {kPrfSha512, 64, "SHA512"}};

struct IntegrityRow {
  uint16_t id;
  IntegritySizes sizes;
  const char* digest;
};
constexpr IntegrityRow kIntegrities[] = {{kIntegSha256, {32, 16}, "SHA256"},
                                         {kIntegSha384, {48, 24}, "SHA384"},
                                         {kIntegSha512, {64, 32}, "SHA512"}};

template <class Row, std::size_t N>
const Row* find(const Row (&rows)[N], uint16_t id) {
  for (const Row& row : rows)
    if (row.id == id) return &row;
  return nullptr;
}

constexpr std::size_t kMaxBlockBytes = 64;

// Looking the algorithm up takes locks and string compares, and it never changes. A failure is not
// kept: memory may be there again next time.
EVP_MAC* hmac_algorithm() {
  static std::atomic<EVP_MAC*> kept{nullptr};
  if (EVP_MAC* mac = kept.load(std::memory_order_acquire)) return mac;
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC* first = nullptr;
  if (mac == nullptr || kept.compare_exchange_strong(first, mac)) return mac;
  EVP_MAC_free(mac);
  return first;
}

// One keyed HMAC, used for any number of messages.
class Hmac {
 public:
  Hmac(const char* digest, wire::Bytes key) {
    EVP_MAC* const hmac = hmac_algorithm();
    if (hmac == nullptr) return;
    context_.reset(EVP_MAC_CTX_new(hmac));
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(digest), 0),
        OSSL_PARAM_construct_end()};
    // A null pointer would mean "the key from before": an empty key needs an address too.
    static constexpr uint8_t kNoKey = 0;
    const uint8_t* at = key.empty() ? &kNoKey : key.data();
    if (context_ && EVP_MAC_init(context_.get(), at, key.size(), params) != 1) context_.reset();
  }

  bool ok() const { return context_ != nullptr; }
  void add(wire::Bytes part) {
    if (ok() && !part.empty() && EVP_MAC_update(context_.get(), part.data(), part.size()) != 1)
      context_.reset();
  }
  // Writes the whole MAC to `out`; false if anything failed since the start.
  bool finish(wire::MutableBytes out) {
    std::size_t written = 0;
    return ok() && EVP_MAC_final(context_.get(), out.data(), &written, out.size()) == 1 &&
           written == out.size();
  }
  void restart() {
    if (ok() && EVP_MAC_init(context_.get(), nullptr, 0, nullptr) != 1) context_.reset();
  }

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* c) const { EVP_MAC_CTX_free(c); }
  };
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

}  // namespace

std::size_t prf_bytes(uint16_t id) {
  const PrfRow* row = find(kPrfs, id);
  return row == nullptr ? 0 : row->bytes;
}

Status prf_into(uint16_t id, wire::Bytes key, std::initializer_list<wire::Bytes> parts,
                wire::MutableBytes out) {
  const PrfRow* row = find(kPrfs, id);
  if (row == nullptr) return Errc::kUnsupported;
  if (out.size() != row->bytes) return Errc::kBadLength;
  Hmac hmac(row->digest, key);
  for (const wire::Bytes part : parts) hmac.add(part);
  if (!hmac.finish(out)) return Errc::kSystem;
  return success();
}

Result<Secret> prf(uint16_t id, wire::Bytes key, std::initializer_list<wire::Bytes> parts) {
  Secret out(prf_bytes(id));
  const Status done = prf_into(id, key, parts, out.mutable_bytes());
  if (!done.ok()) return done.error();
  return out;
}

// T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n); the counter is one octet.
Result<Secret> prf_plus(uint16_t id, wire::Bytes key, std::initializer_list<wire::Bytes> seed,
                        std::size_t bytes) {
  const PrfRow* row = find(kPrfs, id);
  if (row == nullptr) return Errc::kUnsupported;
  if (bytes > 255 * row->bytes) return Errc::kBadLength;
  Hmac hmac(row->digest, key);
  Secret out(bytes);
  Secret block(row->bytes);
  for (std::size_t done = 0, n = 1; done < bytes; ++n) {
    if (n > 1) {
      hmac.restart();
      hmac.add(block.bytes());
    }
    for (const wire::Bytes part : seed) hmac.add(part);
    const uint8_t counter = static_cast<uint8_t>(n);
    hmac.add({&counter, 1});
    if (!hmac.finish(block.mutable_bytes())) return Errc::kSystem;
    const std::size_t take = std::min(row->bytes, bytes - done);
    std::copy_n(block.bytes().begin(), take, out.mutable_bytes().begin() + done);
    done += take;
  }
  return out;
}

IntegritySizes integrity_sizes(uint16_t id) {
  const IntegrityRow* row = find(kIntegrities, id);
  return row == nullptr ? IntegritySizes{} : row->sizes;
}

Status integrity(uint16_t id, wire::Bytes key, wire::Bytes data, wire::MutableBytes icv) {
  const IntegrityRow* row = find(kIntegrities, id);
  if (row == nullptr) return Errc::kUnsupported;
  if (icv.size() != row->sizes.icv) return Errc::kBadLength;
  Hmac hmac(row->digest, key);
  hmac.add(data);
  std::array<uint8_t, kMaxBlockBytes> whole;
  const wire::MutableBytes mac = wire::MutableBytes(whole).first(row->sizes.key);
  if (!hmac.finish(mac)) return Errc::kSystem;
  std::copy_n(mac.begin(), icv.size(), icv.begin());
  return success();
}

}  // namespace kanmon::ike
