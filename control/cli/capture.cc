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
#include "control/cli/key_files.h"
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

std::string summary_of_keys(const Json& keys, const std::string& folder) {
  std::string text = "keys of " + std::to_string(count(keys, "esp_sas")) +
                     " pairs of ESP SAs and " + std::to_string(count(keys, "ike_sas")) +
                     " IKE SAs written to " + folder + "\n";
  if (const uint64_t n = count(keys, "left_out"); n != 0)
    text += "left out: " + std::to_string(n) + " whose algorithm Wireshark does not decrypt\n";
  if (const uint64_t n = count(keys, "unknown_sas"); n != 0)
    text += "unknown: those of " + std::to_string(n) +
            " pairs older than system.allow-key-export; `kanmon tunnel rekey` makes new ones\n";
  return text;
}

}  // namespace

Reply capture(const CaptureOptions& options,
              const std::function<Reply(const std::string&, const Json&)>& ask, std::ostream& out,
              std::ostream& err) {
  const bool to_file = options.file != "-";
  if (const std::string why = to_file ? make_private(options.file) : ""; !why.empty())
    return failure(why);
  KeyFiles keys;
  const bool wants_keys = !options.keys.empty();
  if (const std::string why = wants_keys ? keys.make(options.keys) : ""; !why.empty())
    return failure(why);
  std::ofstream file;
  if (to_file) file.open(options.file, std::ios::binary | std::ios::trunc);
  std::ostream& to = to_file ? file : out;

  const Interruptible interrupt;
  Reply reply = ask("capture.start", {{"filter", options.filter},
                                      {"packets", options.packets},
                                      {"octets", options.octets},
                                      {"snap", options.snap},
                                      {"export_keys", wants_keys},
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
  if (wants_keys) {
    const Json& given = reply.result.value("keys", Json());
    if (const std::string why = keys.write(given); !why.empty()) return failure(why);
    err << summary_of_keys(given, options.keys);
    reply.result.erase("keys");
  }
  return to.good() ? reply : failure(options.file + ": could not be written");
}

}  // namespace kanmon::cli
