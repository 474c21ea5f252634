// Datagrams of which not all pieces have come yet, of one worker.
//
// Strangers fill this table, so everything about it is bounded: how many datagrams, how many pieces
// of one and of all, how long they wait, and how much of it one source may have. When room is short
// the oldest goes, not the newest: pieces of good traffic follow each other within microseconds,
// and a flood only pushes out what has waited for longer (ESP-22).
//
// Owned by its worker, who alone touches it; no memory is asked for after construction.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/packet/packet.h"
#include "dataplane/reassembly/piece.h"
#include "dataplane/worker/context.h"

namespace kanmon::reassembly {

struct Limits {
  uint32_t pieces = 512;                   // held in all; at least kPieces
  uint64_t timeout_cycles = ~uint64_t{0};  // of the time-stamp counter
};

class Table {
 public:
  // All datagrams of a source are in one set: so many may it have under way.
  static constexpr uint32_t kSets = 32, kWays = 16, kDatagrams = kSets * kWays;
  // 9,216 octets over the least MTU of IPv4, 576, are seventeen.
  static constexpr uint32_t kPieces = 20;

  // `salt` decides which sources share a set: not to be known outside.
  Table(uint64_t salt, const Limits& limits);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Takes a fragment. Returns the whole datagram, linear, its data at an IP header that says what
  // it has, if this was the last piece missing; else null: it is kept, or was dropped by name, and
  // others perhaps with it.
  Packet* add(Context& context, Packet* fragment);
  // Drops the pieces of datagrams that have waited too long.
  void expire(Context& context);
  // Drops all.
  void clear(Context& context, Drop why);
  uint32_t held() const { return held_; }

 private:
  static constexpr uint16_t kNone = 0xffff;
  struct Slot {
    Packet* packet;
    uint32_t start, end;
  };
  struct Datagram {
    DatagramKey key;
    uint64_t deadline = 0;
    uint32_t total = 0;  // octets of payload; 0: the last piece has not come
    uint32_t have = 0;
    uint16_t older = kNone, newer = kNone;  // by age, in all sets
    uint8_t count = 0;
    bool in_use = false;
    bool spoilt = false;   // pieces overlapped: what still comes of it goes too (RFC 5722)
    Slot pieces[kPieces];  // by place
  };

  uint16_t find(const DatagramKey& key);
  uint16_t begin(Context& context, uint32_t set, const DatagramKey& key);
  bool make_room(Context& context, uint16_t at);
  Drop place(Datagram& d, Packet* fragment, const Piece& piece);
  Packet* join(Context& context, uint16_t at);
  void let_go(Context& context, uint16_t at, Drop why);
  void free_slot(uint16_t at);
  uint32_t set_of(const DatagramKey& key) const;

  const uint64_t salt_;
  const Limits limits_;
  std::unique_ptr<Datagram[]> datagrams_;
  uint32_t held_ = 0;
  uint16_t oldest_ = kNone, newest_ = kNone;
};

// The worker a datagram's pieces meet at: the same for all of them, wherever they were received.
uint16_t meeting_point(const DatagramKey& key, uint16_t workers);

}  // namespace kanmon::reassembly
