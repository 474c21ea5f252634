// A filter from anyone who may call the API: it is taken or its mistake has a place in it. And
// octets from anywhere as a packet: whoever watches reads nothing beyond them.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "control/watch/filter_text.h"
#include "dataplane/observe/flow.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kanmon;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const watch::Names names{
      [](std::string_view name) { return name == "b" ? std::optional<uint32_t>(1) : std::nullopt; },
      [](uint32_t) { return kNoTunnel; }};
  const watch::ParsedFilter parsed = watch::parse_filter(text, names);
  if (!parsed.filter && (parsed.mistake.empty() || parsed.column < 1)) std::abort();
  if (!parsed.filter && parsed.column > size + 1) std::abort();

  const std::vector<uint8_t> exact(data, data + size);  // so that a sanitizer sees its end
  const observe::Filter filter = parsed.filter.value_or(observe::Filter{});
  if (const auto flow = observe::read_flow(exact)) (void)matches(filter, *flow, {});
  if (const auto flow = observe::read_flow(observe::ip_of_frame(exact)))
    (void)matches(filter, *flow, {});
  return 0;
}
