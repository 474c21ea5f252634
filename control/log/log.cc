#include "control/log/log.h"

#include <deque>
#include <memory>
#include <string>

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <unistd.h>

#include "control/log/fd_sink.h"
#include "control/log/rate_limit.h"

namespace kanmon::log {
namespace {

// Everything of a running log; the control thread owns it.
struct Running {
  explicit Running(const Options& o)
      : options(o),
        sink(std::make_shared<FdSink>(o.fd)),
        pool(std::make_shared<spdlog::details::thread_pool>(o.queue_lines, 1)),
        logger(std::make_shared<spdlog::async_logger>(
            "kanmon", sink, pool, spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_level(spdlog::level::trace);
  }

  uint64_t lost() const { return pool->overrun_counter() + sink->lost(); }

  Options options;
  std::shared_ptr<FdSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  RateLimit limit;
  uint64_t lost_reported = 0;
};

std::unique_ptr<Running> running;
uint64_t lost_before = 0;  // in logs that were stopped

void emit(std::string_view room, std::string_view event, Level level,
          std::span<const Field> fields) {
  Line line;
  line.time = std::chrono::system_clock::now();
  line.level = level;
  line.room = room;
  line.event = event;
  line.fields = fields;
  const std::string text = to_text(line, running ? running->options.format : Format::kKeyValue);
  if (running) {
    running->logger->log(spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
  } else {
    const std::string ended = text + "\n";
    (void)!::write(STDERR_FILENO, ended.data(), ended.size());
  }
}

std::string limit_key(std::string_view room, std::string_view event,
                      std::span<const Field> fields) {
  std::string key = std::string(room) + ' ' + std::string(event);
  for (const Field& field : fields)
    if (field.key == "tunnel" && std::holds_alternative<std::string_view>(field.value))
      key += ' ' + std::string(std::get<std::string_view>(field.value));
  return key;
}

void report_lost() {
  const uint64_t lost = running->lost();
  if (lost == running->lost_reported) return;
  const Field fields[] = {{"lines", lost - running->lost_reported}};
  running->lost_reported = lost;
  emit("log", "lines-lost", Level::kWarning, fields);
}

}  // namespace

void start(const Options& options) {
  const bool same_output = running && running->options.fd == options.fd &&
                           running->options.queue_lines == options.queue_lines;
  if (same_output) {
    running->options = options;
  } else {
    stop();
    running = std::make_unique<Running>(options);
  }
}

void stop() {
  if (!running) return;
  const auto sink = running->sink;
  auto pool = running->pool;
  lost_before += pool->overrun_counter();
  running.reset();
  pool.reset();  // the last owner: empties the queue and joins the thread
  lost_before += sink->lost();
}

bool enabled(Level level) {
  return level >= (running ? running->options.level : Level::kInfo);
}

void write(Level level, std::string_view room, std::string_view event,
           std::span<const Field> fields) {
  if (!enabled(level)) return;
  if (!running) return emit(room, event, level, fields);
  const auto verdict =
      running->limit.admit(limit_key(room, event, fields), std::chrono::steady_clock::now());
  if (!verdict.admitted) return;
  report_lost();
  if (verdict.suppressed == 0) return emit(room, event, level, fields);
  std::vector<Field> more(fields.begin(), fields.end());
  more.emplace_back("suppressed", verdict.suppressed);
  emit(room, event, level, more);
}

void write_pairs(Level level, std::string_view room, std::string_view event,
                 std::string_view pairs) {
  if (!enabled(level)) return;
  std::deque<std::string> storage;
  const std::vector<Field> fields = parse_pairs(pairs, storage);
  write(level, room, event, fields);
}

uint64_t lost_lines() {
  return lost_before + (running ? running->lost() : 0);
}

}  // namespace kanmon::log
