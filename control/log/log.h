// The program's log: one event a line, stable key order, ids to grep by, never a key (INV-9),
// never from a worker (INV-4). All functions are for the control thread alone.
//
//   log::info("ike", "child-rekeyed", {{"tunnel", name}, {"took_ms", 18}});
//
// Writing never blocks the caller: lines go through a bounded queue to a thread of their own, the
// oldest are overwritten when it is full, and the count of lost lines is logged when there is room
// again. An event that repeats is limited (rate_limit.h) by room, event and, if the line has one,
// its "tunnel" field; the next line that gets through says suppressed=N.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "control/log/line.h"

namespace kanmon::log {

struct Options {
  Format format = Format::kKeyValue;
  Level level = Level::kInfo;
  int fd = 2;  // stays the caller's; a pipe whose reader stalls blocks nobody
  std::size_t queue_lines = 8192;
};

// Starts, or changes what is running to `options` (a reload). Until the first call lines are
// written to standard error at once.
void start(const Options& options);
// Writes what is queued, as far as the reader takes it, and ends the thread. Idempotent.
void stop();

bool enabled(Level level);
void write(Level level, std::string_view room, std::string_view event,
           std::span<const Field> fields);
// The same with the fields as text, "a=1 b=2", as the IKE engine hands them over.
void write_pairs(Level level, std::string_view room, std::string_view event,
                 std::string_view pairs);

using Fields = std::initializer_list<Field>;
inline void debug(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::kDebug, room, event, {fields.begin(), fields.size()});
}
inline void info(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::kInfo, room, event, {fields.begin(), fields.size()});
}
inline void warning(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::kWarning, room, event, {fields.begin(), fields.size()});
}
inline void error(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::kError, room, event, {fields.begin(), fields.size()});
}

// Lines lost: overwritten in the queue, or refused by the reader or the disk.
uint64_t lost_lines();

}  // namespace kanmon::log
