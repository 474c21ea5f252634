// A capture, from its start to its end: takes the workers' copies and makes a pcapng file of them,
// handed out in pieces.
//
// Lives on control's thread; time is passed in. Memory: kWaiting octets wait for the reader at
// most; what the workers' rings do not take meanwhile is lost and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/watch/pcapng.h"
#include "control/watch/session_keeper.h"
#include "dataplane/observe/tap.h"

namespace kanmon::watch {

inline constexpr uint32_t kMostCaptured = 10'000'000;
inline constexpr uint32_t kMostSnap = 65'535;

struct CaptureWish {
  observe::Filter filter{};
  uint32_t packets = 1000;              // 1 … kMostCaptured
  uint64_t octets = uint64_t{1} << 30;  // of the file: it ends before it is longer
  uint32_t snap = kMostSnap;            // octets kept of a packet, 1 … kMostSnap
  std::chrono::seconds duration{60};    // 1 … SessionKeeper::kLongest
};

// What the clock of the workers said at a moment of the calendar.
struct ClockAnchor {
  uint64_t tsc = 0;
  uint64_t tsc_hz = 1;
  uint64_t since_1970_ns = 0;

  uint64_t to_ns(uint64_t tsc_then) const;
};

// Names for the file's interfaces.
struct InterfaceNames {
  std::function<std::string(uint16_t port)> port;
  std::function<std::string(uint32_t tunnel)> tunnel;
};

struct CapturePart {
  std::string octets;    // of the file, in order
  bool is_over = false;  // they were the last
  uint64_t packets = 0;  // in the file so far
  uint64_t lost = 0;     // that a full ring did not take
};

class Capturer {
 public:
  static constexpr std::size_t kWaiting = std::size_t{4} << 20;
  static constexpr std::size_t kPiece = std::size_t{512} << 10;
  static constexpr uint32_t kRingOctets = 4u << 20;  // of each worker

  // `keeper` outlives the capturer.
  Capturer(SessionKeeper& keeper, InterfaceNames names)
      : keeper_(keeper), names_(std::move(names)) {}

  // The capture's number. kBadValue: `wish` is out of bounds; kNoSpace: something is watched
  // already.
  Result<uint16_t> start(TimePoint now, const CaptureWish& wish, const ClockAnchor& clock);
  // kNotFound: there is no such capture (any more). With the part that is_over it is forgotten.
  Result<CapturePart> read(TimePoint now, uint16_t capture);
  // Ends it; what was copied until then can be read. kNotFound as above.
  Status stop(uint16_t capture);

  // Takes in what the workers copied. Call it often.
  void poll(TimePoint now);

 private:
  bool is_mine(uint16_t capture) const { return capture == number_ && keeper_.is_open(capture); }
  void collect();
  void append(const std::vector<uint8_t>& message);
  uint32_t interface_of(const observe::Copy& copy);
  void finish();
  void forget();

  SessionKeeper& keeper_;
  const InterfaceNames names_;
  CaptureWish wish_;
  ClockAnchor clock_;
  uint16_t number_ = 0;      // 0: none runs
  bool is_drained_ = false;  // the workers have let go, and the rings are empty
  bool is_full_ = false;     // the file has all it may have
  uint64_t packets_ = 0;
  uint64_t octets_ = 0;  // of the file so far
  uint64_t last_ns_ = 0;
  std::string waiting_;                                       // of the file, not read yet
  std::map<std::pair<bool, uint32_t>, uint32_t> interfaces_;  // (is a tunnel, number) -> block
};

}  // namespace kanmon::watch
