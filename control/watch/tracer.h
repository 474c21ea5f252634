// A trace, from its start to its end: collects what the workers tell and hands it out packet by
// packet.
//
// Lives on control's thread; time is passed in.
#pragma once

#include <cstdint>
#include <vector>

#include "control/watch/session_keeper.h"
#include "control/watch/stories.h"

namespace kanmon::watch {

struct TraceWish {
  observe::Filter filter{};
  uint32_t packets = 10;              // 1 … kMostPackets
  std::chrono::seconds duration{30};  // 1 … SessionKeeper::kLongest
};
inline constexpr uint32_t kMostPackets = 10'000;

// What has come to its end since the last time.
struct TracePart {
  std::vector<Story> stories;
  bool is_over = false;   // nothing more will come
  uint32_t followed = 0;  // packets so far
  uint64_t lost = 0;      // records a full ring did not take
};

class Tracer {
 public:
  // `keeper` outlives the tracer.
  explicit Tracer(SessionKeeper& keeper) : keeper_(keeper) {}

  // The trace's number, to read it by. kBadValue: `wish` is out of bounds; kNoSpace: something is
  // watched already.
  Result<uint16_t> start(TimePoint now, const TraceWish& wish);
  // kNotFound: there is no such trace (any more). What was read once is not kept, and a trace that
  // is_over is forgotten with that answer.
  Result<TracePart> read(TimePoint now, uint16_t trace);
  // Ends it: the next part that is_over comes when the workers have let go. kNotFound as above.
  Status stop(uint16_t trace);

  // Takes in what the workers told. Call it often: their rings are short.
  void poll(TimePoint now);

 private:
  bool is_mine(uint16_t trace) const { return trace == number_ && keeper_.is_open(trace); }
  void collect(TimePoint now);
  void forget();

  SessionKeeper& keeper_;
  uint16_t number_ = 0;      // 0: none runs
  bool is_drained_ = false;  // the workers have let go, and the rings are empty
  Stories stories_;
  std::vector<Story> finished_;
};

}  // namespace kanmon::watch
