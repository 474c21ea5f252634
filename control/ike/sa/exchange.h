// Message IDs, retransmission and the remembered response of one IKE SA (RFC 7296 sections 2.1 to
// 2.3). Window size 1 in both directions. Knows nothing of what the messages say.
#pragma once

#include <cstdint>
#include <vector>

#include "control/ike/types.h"
#include "control/ike/wire/message.h"

namespace kanmon::ike {

// One IKE message: one datagram, or several fragments in order.
using Datagrams = std::vector<Octets>;

struct RetransmitPolicy {
  Duration first{std::chrono::milliseconds(500)};
  Duration cap{};
  uint32_t tries = 12;
};

class Exchange {
 public:
  // --- what the peer asks ---
  enum class Arrival : uint8_t {
    kNew,      // the expected Message ID: authenticate it
    kRepeat,   // the last request again, octet for octet: send response() again
    kWaiting,  // the last request again, its response is not ready
    kOutside,  // anything else
  };
  // Looks only. Of a fragmented request the first fragment stands for the whole (RFC 7383 2.6.1).
  Arrival classify(uint32_t id, wire::Bytes datagram) const;
  // The request with the expected ID is authentic: the next one is expected from now on. `first` is
  // its (first) datagram as received. The old response is forgotten.
  void accept(wire::Bytes first);
  // The first fragment of a request that is not complete yet.
  void remember_fragment(wire::Bytes first) { fragment_.assign(first.begin(), first.end()); }
  wire::Bytes remembered_fragment() const { return fragment_; }
  // The response to the request accepted last.
  void set_response(Datagrams response) { response_ = std::move(response); }
  const Datagrams& response() const { return response_; }
  uint32_t expected_id() const { return expected_; }

  // --- what we ask ---
  bool busy() const { return in_flight_; }
  // Message ID of the request to build now. REQUIRES: !busy().
  uint32_t next_id() const { return next_; }
  // The request under way has this ID.
  bool answers(uint32_t id) const { return in_flight_ && id + 1 == next_; }
  // Takes note of a request just sent. REQUIRES: !busy().
  void sent(TimePoint now, Datagrams request, const RetransmitPolicy& policy);
  // Another text for the request under way, with the same ID (COOKIE, INVALID_KE_PAYLOAD); tries
  // count on.
  void resent(TimePoint now, Datagrams request);
  void answered() { in_flight_ = false; }
  const Datagrams& request() const { return request_; }
  // Tries made.
  uint32_t tries() const { return tries_; }
  // From now on no longer between two tries than that; it is given up no earlier for it.
  void hurry(TimePoint now, Duration cap);
  // It is given up no later than that.
  void limit(TimePoint when);

  enum class Due : uint8_t { kNothing, kRepeat, kGiveUp };
  // What retransmission asks for at `now`; kRepeat counts as a try.
  Due due(TimePoint now);
  // TimePoint::max() if nothing is under way.
  TimePoint deadline() const { return in_flight_ ? next_at_ : TimePoint::max(); }

 private:
  void schedule(TimePoint now, uint32_t n);

  uint32_t expected_ = 0;
  Octets last_request_;
  Octets fragment_;
  Datagrams response_;  // empty: not ready

  uint32_t next_ = 0;
  bool in_flight_ = false;
  Datagrams request_;
  RetransmitPolicy policy_;
  uint32_t tries_ = 0;
  TimePoint last_at_{};
  TimePoint next_at_{};
  TimePoint give_up_at_{};  // after so many tries at the policy's pace
};

}  // namespace kanmon::ike
