#include "control/config/key.h"

#include <algorithm>

#include "control/log/text.h"

namespace kanmon::config {
namespace {

constexpr std::size_t kLongestName = 63;
constexpr std::string_view kNameRule = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || !is_letter_or_digit(name[0])) return false;
  for (const char c : name)
    if (!is_letter_or_digit(c) && c != '.' && c != '_' && c != '-') return false;
  return true;
}

// A value as a codec shows it, as JSON.
Json shown_value(std::string_view shown) {
  if (shown == "true" || shown == "false") return shown == "true";
  if (shown.find_first_not_of("0123456789") == std::string_view::npos)
    return std::stoll(std::string(shown));
  if (shown.front() != '[') return shown;
  Json list = Json::array();
  shown = shown.substr(1, shown.size() - 2);
  while (!shown.empty()) {
    const std::string_view item = shown.substr(0, shown.find(", "));
    list.push_back(shown_value(item));
    shown.remove_prefix(std::min(shown.size(), item.size() + 2));
  }
  return list;
}

}  // namespace

void add_default(Json& schema, const std::string& shown, std::string_view fallback) {
  if (!fallback.empty()) {
    schema["x-default"] = fallback;
  } else if (!shown.empty()) {
    schema["default"] = shown_value(shown);
  }
}

void unknown_key(Context& context, const Node& key, const std::vector<std::string_view>& known) {
  std::string text = "is not a key of this section";
  const std::string near = did_you_mean(key.text, known);
  if (!near.empty()) {
    text += near;
  } else {
    text += "; its keys are ";
    for (std::size_t i = 0; i < known.size(); ++i)
      text += (i == 0 ? "" : ", ") + std::string(known[i]);
  }
  context.problems().error(key.mark, context.join(key.text), text);
}

Json object_schema(Json properties, Json required) {
  Json s = {{"type", "object"}};
  if (!required.empty()) s["required"] = std::move(required);
  s["properties"] = std::move(properties);
  s["additionalProperties"] = false;
  return s;
}

bool check_name(Context& context, const Node& key) {
  if (is_name(key.text)) return true;
  context.problems().error(key.mark, context.join(key.text),
                           "found the name " + in_quotes(key.text) +
                               ", expected 1 to 63 letters, digits, '.', '_' or '-', the first of "
                               "them a letter or digit");
  return false;
}

Json named_schema(Json section) {
  return {{"type", "object"},
          {"propertyNames", {{"pattern", kNameRule}}},
          {"additionalProperties", std::move(section)}};
}

}  // namespace kanmon::config
