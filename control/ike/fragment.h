// Reassembly of fragmented messages of one IKE SA in one direction (RFC 7383 section 2.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/ike/crypto/sk_cipher.h"
#include "control/ike/types.h"
#include "control/ike/wire/chain.h"
#include "control/ike/wire/header.h"
#include "control/ike/wire/message.h"
#include "control/ike/wire/refusal.h"

namespace kanmon::ike {

// Holds the fragments of one message at a time. Everything stored has been authenticated. The
// caller has checked that fragmentation was negotiated and that the Message ID is the one expected.
class Reassembler {
 public:
  static constexpr std::size_t kMaxFragments = 64;
  static constexpr std::size_t kMaxBytes = 64 * 1024;  // of payloads, per SA and direction
  static constexpr std::chrono::seconds kMaxAge{30};   // from the first fragment on

  enum class Outcome : uint8_t {
    kStored,     // authentic, more are missing
    kComplete,   // `opened` holds the message
    kDuplicate,  // already here; dropped without work
    kStale,      // Total is smaller than that of fragments here (2.6); dropped without work
    kRefused,    // `verdict` says why; what was stored stays
  };
  struct Step {
    Outcome outcome = Outcome::kRefused;
    Verdict verdict;  // kRefused; kComplete too if the payloads inside are malformed
    Opened opened;
  };

  // Takes the SKF payload of `message`, whose outside was parsed and checked. A larger Total starts
  // anew (2.5.2: the peer fragments smaller), as does another Message ID.
  Step add(TimePoint now, wire::Bytes message, const Header& header, const Chain& outside,
           const SkCipher& cipher);
  // Frees what is stored if it is as old as kMaxAge. add() does so too.
  void expire(TimePoint now);
  void reset();
  // When expire() has something to do; TimePoint::max() if never.
  TimePoint deadline() const;
  std::size_t bytes() const { return bytes_; }

 private:
  void start(TimePoint now, uint32_t message_id, uint16_t total);
  Step complete();

  uint32_t message_id_ = 0;
  uint16_t total_ = 0;  // 0: nothing stored
  uint16_t stored_ = 0;
  std::size_t bytes_ = 0;
  TimePoint since_{};
  PayloadType first_inside_ = PayloadType::kNone;
  std::vector<Octets> parts_;  // by number - 1
  std::vector<bool> have_;
};

}  // namespace kanmon::ike
