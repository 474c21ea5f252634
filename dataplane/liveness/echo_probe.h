// ICMP echo as a health probe of one tunnel: requests that nobody else can answer, and what an
// answer is worth. Pure: the caller has the clock and carries the packets.
//
// An answer counts only if it was decrypted by an SA of the probe's own tunnel. One that came
// through another tunnel, or by no tunnel, shows that the path there works and the way back is
// another: it is told as asymmetric, and is neither an answer nor a loss. One that is late counts
// as late and not as an answer.
#pragma once

#include <cstdint>

#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::liveness {

struct EchoSettings {
  wire::IpAddress source;       // inside the tunnel; ours
  wire::IpAddress destination;  // same family
  uint32_t tunnel = 0;
  uint64_t interval_us = 3'000'000;
  uint64_t timeout_us = 1'000'000;  // of one request; at most the interval
  uint16_t identifier = 0;          // unique among our probes
};

enum class Answer : uint8_t {
  kGood,
  kAsymmetric,  // good, but decrypted from another tunnel or from none
  kLate,        // of a request that was given up
  kDuplicate,
  kNotOurs,    // another sender, receiver, identifier, or octets we did not send
  kMalformed,  // lengths or a checksum are wrong, or it is no echo reply
};
const char* to_string(Answer a);

struct EchoCounters {
  uint64_t sent = 0;
  uint64_t good = 0;
  uint64_t asymmetric = 0;
  uint64_t lost = 0;
  uint64_t late = 0;
  uint64_t refused = 0;  // duplicates, not ours, malformed
};

class EchoProbe {
 public:
  static constexpr uint32_t kPayload = 16;  // token and number
  static constexpr uint32_t kMostBytes = 40 + 8 + kPayload;

  // `secret`: random; what nobody off the path can know of a request comes from it.
  EchoProbe(const EchoSettings& settings, uint64_t secret);

  // The next request as a whole IP packet, if one is due: octets, or 0. REQUIRES: kMostBytes.
  uint32_t transmit(uint64_t now_us, wire::MutableBytes room);
  // Takes an IP packet for our source address that holds an echo reply. `tunnel_in`: the tunnel it
  // was decrypted from.
  Answer receive(uint64_t now_us, wire::Bytes packet, uint32_t tunnel_in);
  // True if the request that is out was given up: a loss, unless an asymmetric answer came.
  bool expire(uint64_t now_us);
  uint64_t next_due() const;

  // Of the last good answer; 0: none yet.
  uint64_t round_trip_us() const { return round_trip_us_; }
  // The last answer came another way, and none came the right way since.
  bool asymmetric() const { return asymmetric_; }
  // The tunnel of the last asymmetric answer.
  uint32_t other_tunnel() const { return other_tunnel_; }
  const EchoCounters& counters() const { return counters_; }

 private:
  uint64_t token(uint16_t number) const;
  Answer judge(wire::Bytes packet, uint16_t& number) const;
  Answer settle(uint64_t now_us, uint16_t number, uint32_t tunnel_in);

  EchoSettings settings_;
  uint64_t secret_;
  uint16_t number_ = 0;   // of the last request
  bool waiting_ = false;  // it is out
  bool excused_ = false;  // it was answered another way
  bool asymmetric_ = false;
  uint32_t other_tunnel_ = 0;
  uint64_t sent_us_ = 0;
  uint64_t next_us_ = 0;
  uint64_t round_trip_us_ = 0;
  EchoCounters counters_;
};

}  // namespace kanmon::liveness
