#include "control/cli/capture.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <ostream>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "control/api/dispatcher.h"
#include "control/cli/interrupt.h"
#include "control/common/base64.h"

namespace kanmon::cli {
namespace {

// A worker's ring holds 4 MiB: at 10 Gbit/s that is what comes in 3 ms, so nothing keeps up with
// all of that; a filtered capture waits for nobody this long.
constexpr std::chrono::milliseconds kPause{20};

Reply failure(std::string message) {
  Reply reply;
  reply.kind = Reply::Kind::kRefused;
  reply.error = {{"code", "file"}, {"message", message}};
  reply.message = std::move(message);
  return reply;
}

uint64_t count(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

// For its owner only: packets are somebody's.
std::string make_private(const std::string& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return file + ": " + std::strerror(errno);
  close(fd);
  return {};
}

std::string summary(const Json& part) {
  std::string text = std::to_string(count(part, "packets")) + " packets captured";
  if (const uint64_t lost = count(part, "lost_packets"); lost != 0)
    text += ", " + std::to_string(lost) + " lost: ask for fewer by a filter or a smaller --snap";
  return text + "\n";
}

}  // namespace

Reply capture(const CaptureOptions& options,
              const std::function<Reply(const std::string&, const Json&)>& ask, std::ostream& out,
              std::ostream& err) {
  const bool to_file = options.file != "-";
  if (const std::string why = to_file ? make_private(options.file) : ""; !why.empty())
    return failure(why);
  std::ofstream file;
  if (to_file) file.open(options.file, std::ios::binary | std::ios::trunc);
  std::ostream& to = to_file ? file : out;

  const Interruptible interrupt;
  Reply reply = ask("capture.start", {{"filter", options.filter},
                                      {"packets", options.packets},
                                      {"octets", options.octets},
                                      {"snap", options.snap},
                                      {"seconds", options.seconds}});
  if (reply.kind != Reply::Kind::kResult) return reply;
  const Json id = {{"capture", count(reply.result, "capture")}};
  bool is_over = false, is_stopped = false;
  while (!is_over) {
    if ((interrupt.came() || !to.good()) && !is_stopped) {
      is_stopped = true;
      (void)ask("capture.stop", id);
    }
    reply = ask("capture.read", id);
    if (reply.kind != Reply::Kind::kResult) return reply;
    const auto octets = from_base64(api::text_param(reply.result, "octets"));
    if (!octets) return failure("the daemon's answer is not understood");
    to << *octets << std::flush;
    is_over = reply.result.value("is_over", Json()) == true;
    if (!is_over && octets->empty()) std::this_thread::sleep_for(kPause);
  }
  err << summary(reply.result);
  return to.good() ? reply : failure(options.file + ": could not be written");
}

}  // namespace kanmon::cli
