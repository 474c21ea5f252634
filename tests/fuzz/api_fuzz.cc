// A line at the API from anyone: one line of JSON back. What comes back, a table can be made of.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/api/dispatcher.h"
#include "control/api/views.h"
#include "control/cli/render.h"
#include "control/log/line.h"

namespace {

kanmon::api::Dispatcher make() {
  kanmon::api::Dispatcher d;
  d.add("echo", [](const kanmon::api::Json& p) { return kanmon::api::Answer::of(p); });
  d.add("name", [](const kanmon::api::Json& p) {
    return kanmon::api::Answer::refuse(kanmon::api::Refusal::kNotFound,
                                       kanmon::api::text_param(p, "name"));
  });
  return d;
}

void check_log(std::string_view text) {
  using namespace kanmon::log;
  std::deque<std::string> storage;
  Line line;
  line.room = "api";
  line.event = "fuzz";
  const auto fields = parse_pairs(text, storage);
  line.fields = fields;
  for (const Format format : {Format::kKeyValue, Format::kJson})
    for (const char c : to_text(line, format))
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const kanmon::api::Dispatcher dispatcher = make();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string answer = dispatcher.answer(text);
  const auto json = kanmon::api::Json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("ok")) std::abort();
  if (answer.find('\n') != std::string::npos) std::abort();
  if (json["ok"] == true)
    for (const auto& view : kanmon::api::views())
      (void)kanmon::cli::render(view, json["result"], {});
  check_log(text);
  return 0;
}
