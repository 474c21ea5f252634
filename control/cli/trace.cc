#include "control/cli/trace.h"

#include <chrono>
#include <cstdio>
#include <ostream>
#include <thread>

#include "control/api/dispatcher.h"
#include "control/cli/interrupt.h"
#include "control/log/text.h"

namespace kanmon::cli {
namespace {

// Packets are told when nothing was heard of them for 200 ms: asking more often gains nothing.
constexpr std::chrono::milliseconds kPause{100};

std::string text(const Json& object, const char* key) {
  return object.is_object() ? log::printable(api::text_param(object, key), 1024) : std::string();
}

uint64_t count(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

// stage, worker, microseconds since the first step, what happened
std::string render_step(const Json& step) {
  double at_us = 0;
  if (const auto at = step.find("at_us"); at != step.end() && at->is_number()) at_us = *at;
  char head[96];
  std::snprintf(head, sizeof head, "  %-9s w%-3llu %+10.1f us  ", text(step, "stage").c_str(),
                static_cast<unsigned long long>(count(step, "worker")), at_us);
  return head + text(step, "text") + "\n";
}

void print(const Json& part, bool is_json, std::ostream& out) {
  const auto packets = part.find("packets");
  if (packets == part.end() || !packets->is_array()) return;
  for (const Json& packet : *packets)
    out << (is_json ? packet.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
                    : render_packet(packet));
  out.flush();
}

}  // namespace

std::string render_packet(const Json& packet) {
  if (!packet.is_object()) return {};
  std::string block = "packet " + std::to_string(count(packet, "number")) + "  " +
                      text(packet, "packet") + ", " + std::to_string(count(packet, "octets")) +
                      " octets: " + text(packet, "outcome") + "\n";
  const auto steps = packet.find("steps");
  if (steps == packet.end() || !steps->is_array()) return block;
  for (const Json& step : *steps)
    if (step.is_object()) block += render_step(step);
  return block + "\n";
}

Reply trace(const TraceOptions& options, const Ask& ask, std::ostream& out, std::ostream& err) {
  const Interruptible interrupt;
  Reply reply =
      ask("trace.start",
          {{"filter", options.filter}, {"packets", options.packets}, {"seconds", options.seconds}});
  if (reply.kind != Reply::Kind::kResult) return reply;
  const Json id = {{"trace", count(reply.result, "trace")}};
  bool is_over = false, is_stopped = false;
  while (!is_over) {
    if ((interrupt.came() || !out.good()) && !is_stopped) {
      is_stopped = true;
      (void)ask("trace.stop", id);
    }
    reply = ask("trace.read", id);
    if (reply.kind != Reply::Kind::kResult) return reply;
    print(reply.result, options.is_json, out);
    is_over = reply.result.value("is_over", Json()) == true;
    if (!is_over) std::this_thread::sleep_for(kPause);
  }
  err << count(reply.result, "followed") << " packets followed";
  if (const uint64_t lost = count(reply.result, "lost_records"); lost != 0)
    err << "; " << lost << " records were lost: ask for fewer packets";
  err << "\n";
  return reply;
}

}  // namespace kanmon::cli
