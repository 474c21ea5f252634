// OpenSSL refuses (past bugs: a NULL or a -1 taken for success): every allocation it makes fails
// once, and what we hand out is an error or the right answer, never a crash and never a wrong one.
#include <cstdlib>

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include "control/ike/cookie.h"
#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/kdf.h"
#include "control/ike/nat.h"
#include "tests/unit/ike/support.h"
#include "tests/unit/ike/vectors.h"

namespace kanmon::ike {
namespace {

long fail_at = -1;  // counts down with each allocation of OpenSSL; 0 fails
bool hit = false;

bool fails() {
  if (fail_at < 0 || fail_at-- != 0) return false;
  hit = true;
  return true;
}
void* faulty_malloc(std::size_t n, const char*, int) {
  return fails() ? nullptr : std::malloc(n);
}
void* faulty_realloc(void* p, std::size_t n, const char*, int) {
  return fails() ? nullptr : std::realloc(p, n);
}
void plain_free(void* p, const char*, int) {
  std::free(p);
}
// Before OpenSSL's first allocation, or it refuses.
const int installed = CRYPTO_set_mem_functions(faulty_malloc, faulty_realloc, plain_free);

// Runs `attempt` with the n-th allocation failing, for n up to where it makes no more. It returns
// whether all it claimed was right.
template <class Attempt>
void every_fault(Attempt attempt) {
  ASSERT_EQ(installed, 1);
  ASSERT_TRUE(attempt());  // warms up, and shows that it works at all
  unsigned faults = 0;
  for (long n = 0;; ++n) {
    hit = false;
    fail_at = n;
    const bool right = attempt();
    fail_at = -1;
    ASSERT_TRUE(right) << "allocation " << n;
    if (!hit) break;
    ++faults;
    ASSERT_LT(n, 100'000);
  }
  EXPECT_GT(faults, 0u);
  EXPECT_TRUE(attempt());  // and it works again
}

TEST(Fault, Prf) {
  const Octets key(32, 1), data(100, 2);
  const Octets wanted = octets(prf(5, key, {data})->bytes());
  every_fault([&] {
    const auto r = prf(5, key, {data});
    return !r.ok() || octets(r->bytes()) == wanted;
  });
}

TEST(Fault, PrfPlus) {
  const Octets key(32, 1), data(100, 2);
  const Octets wanted = octets(prf_plus(7, key, {data}, 300)->bytes());
  every_fault([&] {
    const auto r = prf_plus(7, key, {data}, 300);
    return !r.ok() || octets(r->bytes()) == wanted;
  });
}

class FaultDh : public ::testing::TestWithParam<uint16_t> {};

TEST_P(FaultDh, Make) {
  const auto peer = Dh::make(GetParam());
  every_fault([&] {
    const auto dh = Dh::make(GetParam());
    if (!dh.ok()) return true;
    fail_at = -1;
    const auto a = dh->shared(peer->public_value()), b = peer->shared(dh->public_value());
    return a.ok() && b.ok() && *a == *b;
  });
}

TEST_P(FaultDh, Shared) {
  const auto own = Dh::make(GetParam()), peer = Dh::make(GetParam());
  const auto wanted = own->shared(peer->public_value());
  every_fault([&] {
    const auto r = own->shared(peer->public_value());
    return !r.ok() || *r == *wanted;
  });
}

TEST_P(FaultDh, AnUnsoundValueStaysUnsound) {
  const auto own = Dh::make(GetParam());
  const Octets zero(dh_public_bytes(GetParam()), 0);
  every_fault([&] { return !own->shared(zero).ok(); });
}
INSTANTIATE_TEST_SUITE_P(Groups, FaultDh, ::testing::Values(14, 19, 20, 31));

class FaultSk : public ::testing::TestWithParam<vectors::Sealed> {};

TEST_P(FaultSk, OpenAndSeal) {
  const vectors::Sealed& v = GetParam();
  auto cipher =
      SkCipher::make(static_cast<uint16_t>(v.encryption), static_cast<uint16_t>(v.key_bits),
                     static_cast<uint16_t>(v.integrity), Secret(hex(v.key)),
                     Secret(hex(v.integrity_key)))
          .value();
  const Octets message = hex(v.message), plain = hex(v.plain);
  Octets damaged = message;
  damaged.back() ^= 1;
  every_fault([&] {
    const auto r = cipher.open(message, v.body_at);
    return !r.ok() || *r == plain;
  });
  every_fault([&] { return !cipher.open(damaged, v.body_at).ok(); });
  Dice dice(1);
  every_fault([&] {
    Octets m = message;
    std::copy(plain.begin(), plain.end(),
              m.begin() + static_cast<long>(v.body_at + cipher.iv_bytes()));
    if (!cipher.seal(m, v.body_at, plain.size(), dice.fn()).ok()) return true;
    fail_at = -1;
    const auto back = cipher.open(m, v.body_at);
    return back.ok() && *back == plain;
  });
}
INSTANTIATE_TEST_SUITE_P(Vectors, FaultSk, ::testing::ValuesIn(vectors::kSealed));

TEST(Fault, CookiesAndNat) {
  Dice dice(2);
  CookieJar jar(dice.fn(), std::chrono::seconds(60));
  const Octets ni(32, 1);
  const auto wanted = *jar.make({}, ni, ip("192.0.2.1"), 1);
  every_fault([&] {
    const auto c = jar.make({}, ni, ip("192.0.2.1"), 1);
    return !c.ok() || *c == wanted;
  });
  every_fault([&] { return !jar.verify({}, wanted, ni, ip("192.0.2.2"), 1); });
  const wire::Endpoint e{ip("192.0.2.1"), 500};
  const NatHash hash = *nat_hash(1, 2, e);
  every_fault([&] {
    const auto h = nat_hash(1, 2, e);
    return !h.ok() || *h == hash;
  });
}

}  // namespace
}  // namespace kanmon::ike
