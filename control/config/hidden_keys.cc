#include "control/config/hidden_keys.h"

#include <algorithm>

namespace kanmon::config {
namespace {

constexpr std::string_view kNames[] = {"pre-shared-key", "md5-password"};
// What a plain word may hold and still end where it seems to end.
constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_.-";

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::size_t skip_blanks(std::string_view line, std::size_t at) {
  while (at < line.size() && is_blank(line[at])) ++at;
  return at;
}

// The value of a key in the rest of its line, `at` where the name ends.
struct Value {
  std::size_t scalar = 0;  // its first octet, quote included
  std::size_t begin = 0, end = 0;
  bool empty() const { return begin == end; }
};

Value quoted(std::string_view line, std::size_t at) {
  const char quote = line[at];
  const std::size_t end = line.find(quote, at + 1);
  if (end == std::string_view::npos) return {};
  const bool doubled = end + 1 < line.size() && line[end + 1] == quote;
  const bool escaped = quote == '"' && line.substr(at, end - at).find('\\') != line.npos;
  if (doubled || escaped) return {};
  return {at, at + 1, end};
}

Value value_of(std::string_view line, std::size_t at) {
  if (at < line.size() && (line[at] == '"' || line[at] == '\'')) ++at;  // the name's own quote
  at = skip_blanks(line, at);
  if (at == line.size() || line[at] != ':') return {};
  const std::size_t start = skip_blanks(line, at + 1);
  if (start == at + 1 || start == line.size()) return {};
  if (line[start] == '"' || line[start] == '\'') return quoted(line, start);
  const std::size_t end = std::min(line.find_first_not_of(kPlain, start), line.size());
  return {start, start, end};
}

// Where the next name begins, and which it is; npos: none.
std::size_t find_name(std::string_view text, std::size_t from, std::size_t& length) {
  std::size_t first = text.npos;
  for (const std::string_view name : kNames)
    if (const std::size_t at = text.find(name, from); at < first) {
      first = at;
      length = name.size();
    }
  return first;
}

bool is_comment(std::string_view before) {
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i] == '#' && (i == 0 || is_blank(before[i - 1]))) return true;
  return false;
}

}  // namespace

HiddenKeys::HiddenKeys(std::string_view text) {
  text_.reserve(text.size());
  std::size_t copied = 0;
  std::size_t length = 0;
  for (std::size_t at = find_name(text, 0, length); at != text.npos;
       at = find_name(text, at, length)) {
    const std::size_t line_start = text.rfind('\n', at) + 1;  // npos + 1 is 0
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(line_start, line_end - line_start);
    const std::size_t name_end = at + length - line_start;
    at += length;
    if (is_comment(line.substr(0, name_end))) continue;
    const Value value = value_of(line, name_end);
    if (value.empty()) continue;
    text_.append(text, copied, line_start + value.begin - copied);
    text_.append(value.end - value.begin, 'x');
    keys_[line_start + value.scalar] = line.substr(value.begin, value.end - value.begin);
    at = copied = line_start + value.end;
  }
  text_.append(text, copied);
}

std::string_view HiddenKeys::take(std::size_t at, std::string_view seen) {
  const auto it = keys_.find(at);
  if (it == keys_.end() || seen.size() != it->second.size()) return {};
  if (seen.find_first_not_of('x') != seen.npos) return {};
  ++taken_;
  return it->second;
}

}  // namespace kanmon::config
