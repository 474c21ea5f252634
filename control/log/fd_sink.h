// Writes lines to a descriptor without ever waiting long for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

namespace kanmon::log {

// Used by the log's own thread alone, except lost(). A reader that stalls is given kPatience once;
// from then on, until it takes a line again, lines are dropped and counted without waiting.
class FdSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  static constexpr int kPatienceMs = 200;

  explicit FdSink(int fd) : fd_(fd) {}
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  bool write_all(std::string_view text);

  int fd_;
  bool is_stalled_ = false;
  bool is_torn_ = false;  // the last line was written in part
  std::atomic<uint64_t> lost_{0};
};

}  // namespace kanmon::log
