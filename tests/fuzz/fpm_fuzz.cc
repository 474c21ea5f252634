// An FPM connection: frames, netlink messages, and what routes make of them. No read beyond a
// frame; the sink is never asked to take away what it was not given; what is left can be taken away
// whole.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "control/fpm/frames.h"
#include "control/fpm/routes.h"

namespace {

using namespace kanmon;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Sink : fpm::Routes::Sink {
  std::set<wire::Prefix> has;
  void set(const wire::Prefix& prefix, std::span<const fpm::Way> ways) override {
    require(ways.size() <= fpm::kMostWays);
    require(prefix.length <= prefix.address.bits());
    require(wire::Prefix::make(prefix.address, prefix.length) == prefix);
    has.insert(prefix);
  }
  void unset(const wire::Prefix& prefix) override { require(has.erase(prefix) == 1); }
};

}  // namespace

// The input is the stream, fed in pieces of the size of its first octet.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size == 0) return 0;
  const size_t piece = size_t{input[0]} + 1;
  const wire::Bytes stream(input + 1, size - 1);
  fpm::TimePoint now{};
  Sink sink;
  fpm::Routes routes(sink, {.routes = 64, .objects = 32, .stale = std::chrono::seconds(1)});
  routes.connected(now);
  fpm::Frames frames;
  bool is_open = true;
  for (size_t at = 0; at < stream.size() && is_open; at += piece) {
    frames.feed(stream.subspan(at, std::min(piece, stream.size() - at)));
    for (auto frame = frames.next();; frame = frames.next()) {
      is_open = frame.ok();
      if (!is_open || !*frame) break;
      const auto messages = fpm::parse(**frame);
      is_open = messages.ok();
      if (!is_open) break;
      routes.apply(*messages);
      require(routes.size() == sink.has.size() + routes.unresolved());
      require(routes.size() <= 64 && routes.objects() <= 32);
    }
  }
  routes.disconnected(now);
  routes.tick(now + std::chrono::seconds(1));
  require(sink.has.empty() && routes.size() == 0 && routes.objects() == 0);
  return 0;
}
