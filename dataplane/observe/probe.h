// A worker's eye on chosen packets: marks those that match, and after each part of the turn looks
// into the lanes and says where they are now.
//
// Or, for a capture, it copies packets that match: as they came and as they leave, decrypted and
// before they are encrypted.
//
// The stages know nothing of it: what was decided stands in a packet's meta, in its headers and in
// the lane it is in. While Context::probe is null a turn pays one predictable branch for each part.
// While it is not, each part costs a walk over all lanes. Records go to control by a ring; what
// does not fit is counted, never waited for (INV-4).
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/common/counter.h"
#include "dataplane/observe/record.h"
#include "dataplane/observe/session.h"
#include "dataplane/observe/tap.h"
#include "dataplane/rings/spsc.h"
#include "dataplane/worker/context.h"

namespace kanmon::observe {

class Probe {
 public:
  explicit Probe(Session& session);

  // ---- the worker's thread
  // A burst came from a port; the next calls are dropped() of some and after(kClassify).
  void arrived(const Context& context, uint16_t port, Packet* const* frames, uint32_t n);
  // The step is over: every packet it had is in a lane.
  void after(const Context& context, Step step);
  // The packets in lanes.encrypt are about to be sealed.
  void before_encrypt(const Context& context);
  void dropped(const Context& context, const Packet* p, Drop why);
  // These frames are offered to the port; then, the first `n` of them were taken by it.
  // REQUIRES: n <= kBurst.
  void before_send(const Context& context, uint16_t port, Packet* const* frames, uint32_t n);
  void sent(uint32_t n);

  // ---- control
  rings::Spsc<Record>& records() { return records_; }
  uint64_t lost() const { return lost_.get(); }
  Tap* tap() { return tap_.get(); }  // null: this is no capture

 private:
  struct Arrival {
    const Packet* packet;
    uint32_t number;
  };
  struct Offer {
    uint32_t place;  // in the burst
    Record record;
  };

  bool is_followed(const Packet* p) const { return meta(p).trace.session == session_number_; }
  void choose(const Context& context, Packet* p);
  void look(const Context& context, Step step, Packet* p, Lane lane, uint16_t where);
  Record describe(const Context& context, Step step, const Packet* p, Lane lane) const;
  void tell(const Record& record);
  void copy(const Context& context, Place place, uint16_t port, const Packet* p);

  Session& session_;
  const uint16_t session_number_;
  rings::Spsc<Record> records_;  // worker → control
  Counter lost_;                 // worker: rw, control: ro
  const std::unique_ptr<Tap> tap_;
  // What a device does not take is offered again: frames before this one of this port are copied.
  Packet* const* copied_end_ = nullptr;
  uint16_t copied_port_ = kNoPort;
  // Between arrived() and after(kClassify) a packet's meta is not its own.
  bool is_classifying_ = false;
  uint32_t arrivals_ = 0;
  Arrival arrived_[kBurst];
  uint32_t offers_ = 0;
  Offer offered_[kBurst];
};

}  // namespace kanmon::observe
