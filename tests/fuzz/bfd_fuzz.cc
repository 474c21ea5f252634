// The parser of BFD control packets, and a session that takes whatever comes. No read beyond the
// datagram; what parses is written back as it was; a session's states and times stay within what
// RFC 5880 allows.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dataplane/bfd/session.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What a packet names to be for the session below.
constexpr uint32_t kOurs = 0x01010101;

void no_sha1(const uint8_t* data, uint32_t octets, uint8_t* digest) {
  // A sum is enough here: the fuzzer can make it right.
  std::memset(digest, 0, 20);
  for (uint32_t i = 0; i < octets; ++i) digest[0] = static_cast<uint8_t>(digest[0] + data[i]);
}

void check_parser(const std::vector<uint8_t>& datagram) {
  using namespace kanmon::bfd;
  Packet p;
  if (parse(datagram, p) != Refusal::kNone) return;
  require(p.length <= datagram.size() && p.length >= kHeaderBytes);
  uint8_t room[kMostBytes];
  const uint32_t octets = write(p, room);
  require(octets == kHeaderBytes || octets == kMostBytes);
  if (p.authenticated) return;
  // A length beyond the header is allowed, and is not ours.
  std::vector<uint8_t> expected(datagram.begin(), datagram.begin() + kHeaderBytes);
  expected[3] = kHeaderBytes;
  require(std::memcmp(room, expected.data(), kHeaderBytes) == 0);
}

}  // namespace

// The input: an octet that chooses authentication, then datagrams, each after an octet of length
// and one of time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace kanmon::bfd;
  if (size == 0) return 0;
  Policy policy;
  policy.auth.type = input[0] == 1   ? AuthType::kKeyedSha1
                     : input[0] == 2 ? AuthType::kMeticulousSha1
                                     : AuthType::kNone;
  Session session(policy, kOurs, 1, no_sha1);
  uint64_t now = 1;
  for (size_t at = 1; at + 2 <= size;) {
    const size_t octets = std::min<size_t>(input[at], size - at - 2);
    now += uint64_t{input[at + 1]} * 10'000;
    const std::vector<uint8_t> datagram(input + at + 2, input + at + 2 + octets);
    at += 2 + octets;
    check_parser(datagram);
    const State before = session.state();
    const Refusal why = session.receive(now, datagram);
    require(why == Refusal::kNone || session.state() == before);
    (void)session.expire(now);
    uint8_t room[kMostBytes];
    const uint32_t sent = session.transmit(now, room);
    require(sent == 0 || sent == kHeaderBytes || sent == kMostBytes);
    require(session.state() != State::kAdminDown);
    if (session.state() == State::kUp) require(session.remote_discriminator() != 0);
  }
  return 0;
}
