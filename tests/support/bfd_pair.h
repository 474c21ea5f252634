// Two BFD sessions, a wire that can be cut and a clock that is turned by hand.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/bfd/session.h"

namespace kanmon::test {

// SHA-1 by OpenSSL, which is not what the data plane uses.
void openssl_sha1(const uint8_t* data, uint32_t octets, uint8_t* digest);

class BfdPair {
 public:
  BfdPair(const bfd::Policy& a, const bfd::Policy& b)
      : sessions_{bfd::Session(a, 0x1111, 1, openssl_sha1),
                  bfd::Session(b, 0x2222, 2, openssl_sha1)} {}

  struct Sent {
    uint64_t at_us;
    bfd::Packet packet;
    std::vector<uint8_t> octets;
  };

  bfd::Session& operator[](std::size_t i) { return sessions_[i]; }
  uint64_t now_us() const { return now_us_; }
  // What session `i` has sent.
  const std::vector<Sent>& sent(std::size_t i) const { return sent_[i]; }
  // Packets of session `i` are lost from now on, or are not.
  void cut(std::size_t i, bool lost) { lost_[i] = lost; }
  // Each session acts exactly when next_due() says so, until the time is over.
  void run(uint64_t us);
  bool both(bfd::State s) const { return sessions_[0].state() == s && sessions_[1].state() == s; }

 private:
  void act(std::size_t i);

  std::array<bfd::Session, 2> sessions_;
  std::vector<Sent> sent_[2];
  bool lost_[2] = {};
  uint64_t now_us_ = 1'000'000;
};

}  // namespace kanmon::test
