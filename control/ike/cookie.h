// Stateless cookies against floods of IKE_SA_INIT (RFC 7296 section 2.6).
#pragma once

#include <array>
#include <cstdint>

#include "control/common/secret.h"
#include "control/ike/crypto/random.h"
#include "control/ike/types.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::ike {

// Cookie = generation | HMAC-SHA2-256(secret of that generation, Ni | IP | SPIi). The port is left
// out: a NAT may change it between the two requests. Nothing is stored per peer.
class CookieJar {
 public:
  static constexpr std::size_t kCookieBytes = 1 + 32;
  using Cookie = std::array<uint8_t, kCookieBytes>;

  // The secret is replaced when it is older than `lifetime`; the one before stays valid for one
  // more lifetime.
  CookieJar(RandomFn random, Duration lifetime);

  // REQUIRES: ni has been checked for size (parse_nonce). kSystem if OpenSSL refuses.
  Result<Cookie> make(TimePoint now, wire::Bytes ni, const wire::IpAddress& peer,
                      uint64_t spi_initiator);
  // True if `cookie` is one make() gave for the same three, in this or the previous period.
  // Constant time in the contents.
  bool verify(TimePoint now, wire::Bytes cookie, wire::Bytes ni, const wire::IpAddress& peer,
              uint64_t spi_initiator);

 private:
  void rotate(TimePoint now);

  RandomFn random_;
  Duration lifetime_;
  bool started_ = false;
  TimePoint born_{};  // of the current secret
  uint8_t generation_ = 0;
  Secret current_;
  Secret previous_;  // empty: none
};

}  // namespace kanmon::ike
