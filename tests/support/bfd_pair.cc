#include "tests/support/bfd_pair.h"

#include <algorithm>

#include <openssl/evp.h>

namespace kanmon::test {

void openssl_sha1(const uint8_t* data, uint32_t octets, uint8_t* digest) {
  unsigned size = bfd::kDigestBytes;
  EVP_Digest(data, octets, digest, &size, EVP_sha1(), nullptr);
}

void BfdPair::act(std::size_t i) {
  bfd::Session& s = sessions_[i];
  (void)s.expire(now_us_);
  std::array<uint8_t, bfd::kMostBytes> room{};
  const uint32_t octets = s.transmit(now_us_, room);
  if (octets == 0) return;
  Sent sent{now_us_, {}, {room.begin(), room.begin() + octets}};
  (void)bfd::parse(sent.octets, sent.packet);
  sent_[i].push_back(sent);
  if (!lost_[i]) (void)sessions_[1 - i].receive(now_us_, sent.octets);
}

void BfdPair::run(uint64_t us) {
  const uint64_t end = now_us_ + us;
  for (;;) {
    const uint64_t due[2] = {sessions_[0].next_due(), sessions_[1].next_due()};
    const std::size_t first = due[1] < due[0] ? 1 : 0;
    if (due[first] > end) break;
    now_us_ = std::max(now_us_, due[first]);
    act(first);
  }
  now_us_ = end;
}

}  // namespace kanmon::test
