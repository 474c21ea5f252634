#include "control/log/line.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include <nlohmann/json.hpp>

#include "control/log/text.h"

namespace kanmon::log {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kLevels[] = {"debug", "info", "warn", "error"};
constexpr std::size_t kMostFields = 32;

// RFC 3339 in UTC with milliseconds.
std::string timestamp(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto since = duration_cast<milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = since / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<int>(since % 1000));
  return text;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out;
}

// Quotes only where a reader that splits at blanks and '=' would go wrong.
std::string as_value(std::string_view text) {
  const std::string safe = printable(text, kValueBytes);
  if (!safe.empty() && safe.find_first_of(" \"=") == std::string::npos) return safe;
  std::string out = "\"";
  for (const char c : safe) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

struct AsText {
  std::string operator()(std::string_view v) const { return as_value(v); }
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(double v) const { return number(v); }
  std::string operator()(int64_t v) const { return std::to_string(v); }
  std::string operator()(uint64_t v) const { return std::to_string(v); }
};

struct AsJson {
  Json operator()(std::string_view v) const { return printable_cut(v); }
  Json operator()(double v) const { return std::isfinite(v) ? Json(v) : Json(); }
  Json operator()(auto v) const { return v; }

  // JSON has its own escapes: the text is only cut, at a character's border.
  static std::string printable_cut(std::string_view v) {
    if (v.size() <= kValueBytes) return std::string(v);
    std::size_t cut = kValueBytes;
    while (cut > kValueBytes - 4 && (static_cast<uint8_t>(v[cut]) & 0xc0) == 0x80) --cut;
    return std::string(v.substr(0, cut)) + "...";
  }
};

std::string json_text(const Line& line) {
  Json out = {{"time", timestamp(line.time)},
              {"level", kLevels[static_cast<uint8_t>(line.level)]},
              {"room", line.room},
              {"event", line.event}};
  for (const Field& field : line.fields) {
    std::string key(field.key);
    if (out.contains(key)) key += "_";
    out[key] = std::visit(AsJson{}, field.value);
  }
  return out.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace

std::string to_text(const Line& line, Format format) {
  if (format == Format::kJson) return json_text(line);
  std::string out = timestamp(line.time) + " " +
                    padded(kLevels[static_cast<uint8_t>(line.level)], 5) + " " +
                    padded(line.room, 4) + " " + printable(line.event);
  for (const Field& field : line.fields)
    out += " " + printable(field.key) + "=" + std::visit(AsText{}, field.value);
  return out;
}

namespace {

// Takes a value in quotes off the front of `pairs`, with its escapes undone.
std::string take_quoted(std::string_view& pairs) {
  std::string out;
  pairs.remove_prefix(1);
  while (!pairs.empty() && pairs.front() != '"') {
    if (pairs.front() == '\\' && pairs.size() > 1) pairs.remove_prefix(1);
    out += pairs.front();
    pairs.remove_prefix(1);
  }
  if (!pairs.empty()) pairs.remove_prefix(1);
  return out;
}

// Takes what comes before the first of `ends` off the front of `pairs`.
std::string_view take_until(std::string_view& pairs, std::string_view ends) {
  const std::string_view taken = pairs.substr(0, pairs.find_first_of(ends));
  pairs.remove_prefix(taken.size());
  return taken;
}

}  // namespace

std::vector<Field> parse_pairs(std::string_view pairs, std::deque<std::string>& storage) {
  std::vector<Field> fields;
  while (fields.size() < kMostFields) {
    pairs.remove_prefix(std::min(pairs.find_first_not_of(' '), pairs.size()));
    if (pairs.empty()) break;
    const std::string_view key = take_until(pairs, "= ");
    if (pairs.empty() || pairs.front() == ' ') {
      fields.emplace_back("text", key);
      continue;
    }
    pairs.remove_prefix(1);
    if (!pairs.empty() && pairs.front() == '"') {
      fields.emplace_back(key, storage.emplace_back(take_quoted(pairs)));
    } else {
      fields.emplace_back(key, take_until(pairs, " "));
    }
  }
  return fields;
}

}  // namespace kanmon::log
