#include "control/ike/cookie.h"

#include <algorithm>

#include "control/ike/crypto/prf.h"
#include "control/ike/wire/constants.h"
#include "dataplane/common/byteorder.h"

namespace kanmon::ike {
namespace {

constexpr std::size_t kSecretBytes = 32;

using Mac = std::array<uint8_t, 32>;

Result<Mac> mac_of(const Secret& key, wire::Bytes ni, const wire::IpAddress& peer, uint64_t spi) {
  std::array<uint8_t, 1 + 16 + 8> fixed;
  fixed[0] = static_cast<uint8_t>(peer.family);
  std::copy(peer.octets.begin(), peer.octets.end(), fixed.begin() + 1);
  store_be(fixed.data() + 17, spi);
  // What varies in length comes last, so that no two inputs read alike.
  Mac mac;
  const Status done = prf_into(kPrfSha256, key.bytes(), {fixed, ni}, mac);
  if (!done.ok()) return done.error();
  return mac;
}

}  // namespace

CookieJar::CookieJar(RandomFn random, Duration lifetime)
    : random_(std::move(random)), lifetime_(lifetime) {}

void CookieJar::rotate(TimePoint now) {
  if (started_ && now - born_ < lifetime_) return;
  const bool previous_is_fresh = started_ && now - born_ < 2 * lifetime_;
  previous_ = previous_is_fresh ? std::move(current_) : Secret();
  current_ = Secret(kSecretBytes);
  random_(current_.mutable_bytes());
  ++generation_;
  // Periods follow each other without a gap, or the old secret would live up to two of them.
  born_ = previous_is_fresh ? born_ + lifetime_ : now;
  started_ = true;
}

Result<CookieJar::Cookie> CookieJar::make(TimePoint now, wire::Bytes ni,
                                          const wire::IpAddress& peer, uint64_t spi_initiator) {
  rotate(now);
  const auto m = mac_of(current_, ni, peer, spi_initiator);
  if (!m.ok()) return m.error();
  Cookie cookie;
  cookie[0] = generation_;
  std::copy(m->begin(), m->end(), cookie.begin() + 1);
  return cookie;
}

bool CookieJar::verify(TimePoint now, wire::Bytes cookie, wire::Bytes ni,
                       const wire::IpAddress& peer, uint64_t spi_initiator) {
  rotate(now);
  if (cookie.size() != kCookieBytes) return false;
  const Secret* key = nullptr;
  if (cookie[0] == generation_) key = &current_;
  if (cookie[0] == static_cast<uint8_t>(generation_ - 1)) key = &previous_;
  if (key == nullptr || key->empty()) return false;
  const auto m = mac_of(*key, ni, peer, spi_initiator);
  return m.ok() && equal_in_constant_time(*m, cookie.subspan(1));
}

}  // namespace kanmon::ike
