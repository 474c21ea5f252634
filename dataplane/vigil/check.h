// One check of one path: a BFD session or an echo probe, the verdict it comes to, and what the
// world may read of it.
//
// Made and freed by control, which hands it to every worker by a SetCheck command. Its identity
// (Settings, slot, discriminator) never changes and everybody may read it; what moves is touched by
// its owner worker alone. Control reads `report`, any time, relaxed.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/bfd/session.h"
#include "dataplane/common/cacheline.h"
#include "dataplane/common/counter.h"
#include "dataplane/liveness/echo_probe.h"
#include "dataplane/liveness/verdict.h"
#include "dataplane/packet/packet.h"
#include "dataplane/wire/address.h"

namespace kanmon::vigil {

// Checks of a gateway. The slot is the low part of a BFD discriminator and of an echo identifier.
inline constexpr uint32_t kSlotBits = 14;
inline constexpr uint32_t kSlots = 1u << kSlotBits;

enum class Kind : uint8_t { kBfd, kEcho };

struct Path {
  uint32_t tunnel = kNoTunnel;  // kNoTunnel: by the routes of the table, in clear
  uint16_t table = 0;           // where `local` is an address of ours
  wire::IpAddress local;
  wire::IpAddress remote;  // same family
  friend bool operator==(const Path&, const Path&) = default;
};

struct Settings {
  Path path;
  Kind kind = Kind::kEcho;
  bool multihop = false;  // BFD: RFC 5883, without the TTL of 255 on arrival
  bfd::Policy bfd{};
  uint64_t echo_interval_us = 500'000;
  uint64_t echo_timeout_us = 500'000;
  liveness::Policy policy{};
  // The path counts as down from the start. Else it counts as up until the check has had the time
  // to find that it is not: who begins to check a path that works does not interrupt it.
  bool starts_down = false;
};

// The octet of a tunnel in Liveness has a bit for each kind of check.
constexpr uint8_t liveness_bit(Kind kind) {
  return kind == Kind::kBfd ? 1 : 2;
}

// owner worker: rw, control: ro. Times are microseconds of the time-stamp counter (Clock).
struct Report {
  // The verdict.
  Counter down;       // 1: the path is not to be used
  Counter undecided;  // 1: nothing was heard yet, nor missed for long enough
  Counter why;        // liveness::Why
  Counter changes;    // of `down`
  Counter changed_us;
  Counter times_down;  // the check went down so often, used or not
  Counter penalty;     // of flap damping, at the last event
  Counter missed_us;   // since when nothing good was heard, at the last way down
  // Both kinds.
  Counter sent;
  Counter good;
  Counter unsent;      // no SA, no buffer
  Counter asymmetric;  // good, but through another tunnel
  Counter is_asymmetric;
  Counter other_tunnel;  // kNoTunnel: by none
  Counter refused;
  // BFD.
  Counter state, diag, remote_state, remote_diag;  // bfd::State, bfd::Diag
  Counter remote_discriminator;
  Counter tx_interval_us, detection_us;
  Counter since_us;  // of the state
  Counter refusals[bfd::kRefusals];
  // Echo.
  Counter lost, late;
  Counter round_trip_us;           // the last
  Counter smoothed_round_trip_us;  // an eighth of each new one
  Counter recent;                  // bit mask of the last 64 outcomes, the newest lowest; 1: a loss
};

struct Check {
  // `random`: of the discriminator's upper bits, the jitter and the tokens of probes.
  Check(const Settings& settings, uint32_t slot, uint64_t random, bfd::Sha1 sha1);

  const Settings settings;  // but for the key, which only the session has
  const uint32_t slot;
  const uint32_t discriminator;  // BFD
  const uint16_t identifier;     // echo

  // ---- owner worker: rw, nobody else
  alignas(kCacheLine) std::optional<bfd::Session> session;
  std::optional<liveness::EchoProbe> probe;
  liveness::Verdict verdict;
  bool undecided;
  bool excused = false;  // BFD: the far end was shut by its operator
  bool down = false;
  bool told = true;  // control knows of the last change
  uint32_t early_losses = 0;
  uint64_t started_us = 0;
  uint64_t heard_us = 0;    // last good packet
  uint64_t asymmetric = 0;  // BFD packets that came another way
  uint32_t other_tunnel = kNoTunnel;
  bool is_asymmetric = false;
  uint64_t recent = 0;

  alignas(kCacheLine) Report report;
};

// How long a BFD session may take to come up before its path counts as down: packets go once a
// second until then (RFC 5880 section 6.8.3).
constexpr uint64_t grace_us(const bfd::Policy& policy) {
  const uint64_t slowest =
      policy.desired_min_tx_us > bfd::kSlowTxUs ? policy.desired_min_tx_us : bfd::kSlowTxUs;
  return policy.detect_multiplier * slowest;
}

}  // namespace kanmon::vigil
