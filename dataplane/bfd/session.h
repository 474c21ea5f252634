// One BFD session in asynchronous mode (RFC 5880 section 6.8), without echo. Pure: the caller has
// the clock, the sockets and the hash. No heap; a worker may hold it in an array.
//
// All times are microseconds of one clock that never goes back. The caller asks next_due() when
// to come again, calls expire() and then transmit() at that time, and receive() for each packet
// that was found by discriminator (ours is in it) or, while it has none, by its addresses.
//
// One thread uses a session; control reads what it wants by asking that thread.
#pragma once

#include <cstdint>

#include "dataplane/bfd/packet.h"

namespace kanmon::bfd {

inline constexpr uint64_t kNever = ~uint64_t{0};
// Section 6.8.3: no more often than once a second while the session is not Up.
inline constexpr uint32_t kSlowTxUs = 1'000'000;

// SHA-1 of `octets` octets at `data` into `digest` (kDigestBytes).
using Sha1 = void (*)(const uint8_t* data, uint32_t octets, uint8_t* digest);

struct Auth {
  AuthType type = AuthType::kNone;
  uint8_t key_id = 0;
  uint8_t key[kDigestBytes] = {};  // shorter ones end in zeros (section 6.7.4)
};

struct Policy {
  uint32_t desired_min_tx_us = 300'000;
  uint32_t required_min_rx_us = 300'000;
  uint8_t detect_multiplier = 3;
  bool passive = false;  // does not speak first (section 6.1)
  // The C bit: the session lives on while control is stopped (a worker's does).
  bool control_plane_independent = true;
  Auth auth{};
};

struct Counters {
  uint64_t sent = 0;
  uint64_t received = 0;  // accepted
  uint64_t refused[kRefusals] = {};
  uint64_t went_up = 0;
  uint64_t went_down = 0;
};

class Session {
 public:
  // `discriminator`: not 0, unique among our sessions. `seed`: random; jitter and the first
  // authentication sequence number come from it. `sha1` may be null without authentication.
  Session(const Policy& policy, uint32_t discriminator, uint64_t seed, Sha1 sha1);
  ~Session();

  // Takes a UDP payload. kNone: it was for this session and counts; else nothing changed but the
  // refusal's counter (BFD-01).
  Refusal receive(uint64_t now_us, wire::Bytes datagram);
  // True if the detection time is over and the session went down by it (section 6.8.4).
  bool expire(uint64_t now_us);
  // Writes what is to be sent now: octets, or 0 if nothing is due. REQUIRES: kMostBytes of room.
  uint32_t transmit(uint64_t now_us, wire::MutableBytes room);
  // When expire() or transmit() has something to do; kNever: only a packet or a call changes that.
  uint64_t next_due() const;

  // Section 6.8.16. Up again it starts from Down.
  void set_admin_down(uint64_t now_us, bool down);
  // New intervals or multiplier take effect by a poll sequence (section 6.8.3). Authentication and
  // the passive role do not change in a session's life.
  void change(uint64_t now_us, const Policy& policy);

  State state() const { return state_; }
  Diag diag() const { return diag_; }
  State remote_state() const { return remote_state_; }
  // Why the far end says it went down.
  Diag remote_diag() const { return remote_diag_; }
  uint32_t discriminator() const { return discriminator_; }
  uint32_t remote_discriminator() const { return remote_discriminator_; }
  bool remote_control_plane_independent() const { return remote_independent_; }
  bool polling() const { return poll_; }
  // The negotiated interval we send at, before jitter; 0: the far end asked for none.
  uint32_t tx_interval_us() const;
  // 0 until the first packet.
  uint64_t detection_time_us() const;
  const Counters& counters() const { return counters_; }
  // Time of the last change of state.
  uint64_t since_us() const { return since_us_; }

 private:
  Refusal authenticate(const Packet& p, wire::Bytes datagram);
  bool digest_is_right(const Packet& p, wire::Bytes datagram) const;
  void learn(uint64_t now_us, const Packet& p);
  void finish_poll();
  void go(uint64_t now_us, State next, Diag diag);
  void schedule(uint64_t from_us);
  void forget_remote();
  bool may_send() const;
  Packet compose();
  void seal(wire::MutableBytes packet);
  uint32_t random();

  Policy policy_;  // as configured
  // In use: what a poll sequence has not confirmed yet is not (section 6.8.3).
  uint32_t tx_us_ = kSlowTxUs;  // bfd.DesiredMinTxInterval, for our interval
  uint32_t rx_us_ = 0;          // bfd.RequiredMinRxInterval, for the detection time
  Sha1 sha1_;
  uint32_t discriminator_;
  State state_ = State::kDown;
  Diag diag_ = Diag::kNone;
  bool poll_ = false;   // a poll sequence of ours is on
  bool final_ = false;  // a final is owed
  bool remote_demand_ = false;
  bool remote_independent_ = false;
  bool auth_known_ = false;
  State remote_state_ = State::kDown;
  Diag remote_diag_ = Diag::kNone;
  uint8_t remote_multiplier_ = 0;
  uint32_t remote_discriminator_ = 0;
  uint32_t remote_min_rx_us_ = 1;  // section 6.8.1
  uint32_t remote_min_tx_us_ = 0;
  uint32_t rx_auth_ = 0, tx_auth_ = 0;
  uint64_t heard_us_ = kNever;  // last accepted packet; kNever: none yet
  uint64_t next_tx_us_ = 0;
  uint64_t since_us_ = 0;
  uint64_t random_;
  Counters counters_;
};

}  // namespace kanmon::bfd
