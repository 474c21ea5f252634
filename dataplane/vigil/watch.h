// The checks of a worker: sends what is due in its turn, hears the answers, judges, and moves the
// tunnels' octets of Liveness at once; control is told after.
//
// Every worker knows every check, so that an answer finds the check's owner wherever it comes in;
// only the owner sends, judges and changes it. A tunnel's owner is that of its SAs, so that answers
// are decrypted where they are wanted.
//
// An answer counts only if it came by the check's own path: decrypted by an SA of the same tunnel,
// or, where the path is no tunnel, in clear (INV-7). One that came by another is asymmetric.
//
// One thread, the worker's. No heap after construction; a turn's work is bounded.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/vigil/agenda.h"
#include "dataplane/vigil/check.h"
#include "dataplane/vigil/clock.h"
#include "dataplane/vigil/datagram.h"
#include "dataplane/worker/context.h"
#include "dataplane/worker/liveness.h"

namespace kanmon::vigil {

class Watch {
 public:
  // Checks served in one turn: one that comes late by a turn is late by microseconds.
  static constexpr uint32_t kPerTurn = 32;

  // `liveness` may be null.
  Watch(uint16_t worker, uint16_t workers, uint64_t tsc_hz, Liveness* liveness);

  // ---- commands of control
  // Puts `check` into its slot, or, null, takes out what is there: a BFD session says goodbye
  // (AdminDown), and the tunnel is not down by it any more. What was in the slot may be freed when
  // every worker has done this. REQUIRES: slot < kSlots; check == null or of this slot.
  void set(Context& context, uint32_t slot, Check* check);
  // New intervals and multiplier of a BFD session (RFC 5880 section 6.8.3). No such session:
  // nothing.
  void change(Context& context, uint32_t slot, const bfd::Policy& policy);

  // ---- in the turn
  // Sends and expires what is due; returns how many packets it put into lanes.
  uint32_t run(Context& context) {
    if (context.now_tsc < next_tsc_) [[likely]]
      return 0;
    return serve_due(context);
  }
  // When run() has to do something: a worker does not sleep longer. ~0: never.
  uint64_t next_tsc() const { return next_tsc_; }

  // ---- packets for us, from the stage local
  // A UDP datagram to a BFD port. False, and nothing done, if no session is meant.
  bool take_bfd(Context& context, Packet* p, const Arrived& arrived);
  // An ICMP echo reply, `icmp` from its header on. False likewise.
  bool take_echo_reply(Context& context, Packet* p, wire::Bytes icmp);

 private:
  static constexpr uint32_t kHeads = 1024;
  static constexpr uint16_t kEnd = 0xffff;

  uint16_t owner_of(const Check& check) const;
  bool is_mine(const Check& check) const { return owner_of(check) == worker_; }
  static uint32_t head_of(uint16_t table, const wire::IpAddress& remote);
  void link(const Check& check);
  void unlink(const Check& check);
  Check* find(uint16_t table, const Arrived& arrived) const;
  Check* session_of(const Packet* p, const Arrived& arrived) const;
  void hand_over(Context& context, Packet* p, const Check& check);
  bool came_by(const Packet* p, const Check& check) const;

  uint32_t serve_due(Context& context);
  bool serve(Context& context, Check& check, uint64_t now_us);
  bool send(Context& context, Check& check, wire::Bytes packet);
  bool send_bfd(Context& context, Check& check, uint64_t now_us);
  void say_goodbye(Context& context, Check& check);
  Drop hear_bfd(Check& check, const Packet* p, const Arrived& arrived, uint64_t now_us);
  Drop hear_echo(Check& check, const Packet* p, uint64_t now_us);
  void answered(Check& check, uint64_t now_us);
  void lost(Check& check, uint64_t now_us);
  void weigh_session(Check& check, uint64_t now_us);
  void settle(Context& context, Check& check, uint64_t now_us);
  void plan(const Check& check, uint64_t now_us);
  void remember_due();

  const uint16_t worker_;
  const uint16_t workers_;
  const Clock clock_;
  Liveness* const liveness_;
  Agenda agenda_{kSlots};
  uint64_t next_tsc_ = ~uint64_t{0};
  std::unique_ptr<Check*[]> slots_;  // [kSlots]
  // BFD sessions by table and far address, for packets that do not know our discriminator yet: only
  // what is configured is in the chains, so no stranger can make one long.
  std::unique_ptr<uint16_t[]> heads_;  // [kHeads]
  std::unique_ptr<uint16_t[]> next_;   // [kSlots]
};

}  // namespace kanmon::vigil
