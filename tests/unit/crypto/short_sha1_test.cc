// SHA-1 of one block against OpenSSL, every length (BFD-05: RFC 5880 section 6.7.4 hashes 52).
#include "dataplane/crypto/short_sha1.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/support/bfd_pair.h"

namespace kanmon::crypto {
namespace {

TEST(ShortSha1, IsOpenSslsAtEveryLength) {
  ASSERT_TRUE(prepare_short_sha1());
  std::vector<uint8_t> text;
  for (uint32_t n = 0; n <= kShortSha1Most; ++n) {
    uint8_t ours[kSha1DigestBytes], theirs[kSha1DigestBytes];
    text.reserve(64);  // so that no length has a null pointer
    short_sha1(text.data(), n, ours);
    test::openssl_sha1(text.data(), n, theirs);
    EXPECT_EQ(std::vector<uint8_t>(ours, ours + sizeof ours),
              std::vector<uint8_t>(theirs, theirs + sizeof theirs))
        << n;
    text.push_back(static_cast<uint8_t>(n * 37 + 1));
  }
}

}  // namespace
}  // namespace kanmon::crypto
