#include "control/cli/render.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "control/log/text.h"

namespace kanmon::cli {
namespace {

using api::Column;
using api::Format;

constexpr const char* kUnknown = "-";

bool is_numeric(Format format) {
  return format == Format::kCount || format == Format::kBytes || format == Format::kDecimal ||
         format == Format::kAge;
}

const Json& value_of(const Json& row, const char* key) {
  static const Json kNull;
  if (!row.is_object()) return kNull;
  const auto found = row.find(key);
  return found == row.end() ? kNull : *found;
}

std::string one_digit(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string count(const Json& value) {
  if (value.is_number_unsigned()) return with_separators(value.get<uint64_t>());
  if (!value.is_number_integer()) return kUnknown;
  const auto number = value.get<int64_t>();
  const uint64_t size =
      number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  return (number < 0 ? "-" : "") + with_separators(size);
}

std::string list(const Json& value) {
  if (!value.is_array() || value.empty()) return kUnknown;
  std::string out;
  for (const Json& item : value) {
    if (!out.empty()) out += ' ';
    out += item.is_string() ? log::printable(item.get_ref<const std::string&>()) : count(item);
  }
  return out;
}

// Columns a reader sees: terminals count characters, not octets.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

// <0, 0, >0 as `a` sorts before, with or after `b`. null sorts before everything.
int compare(const Json& a, const Json& b) {
  if (a.is_string() && b.is_string())
    return a.get_ref<const std::string&>().compare(b.get_ref<const std::string&>());
  if (a.is_number() && b.is_number()) {
    const auto x = a.get<double>(), y = b.get<double>();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return static_cast<int>(a.is_null() ? 0 : 1) - static_cast<int>(b.is_null() ? 0 : 1);
}

bool comes_before(const api::View& view, const Json& a, const Json& b) {
  for (const api::SortKey& key : view.sort) {
    const Json& x = value_of(a, key.key);
    const Json& y = value_of(b, key.key);
    int order = compare(x, y);
    if (key.order == api::Order::kDescending) order = -order;
    if (key.order == api::Order::kLast) {
      const bool x_last = x.is_string() && x.get_ref<const std::string&>() == key.last;
      const bool y_last = y.is_string() && y.get_ref<const std::string&>() == key.last;
      order = static_cast<int>(x_last) - static_cast<int>(y_last);
    }
    if (order != 0) return order < 0;
  }
  return false;
}

std::vector<const Json*> rows_of(const api::View& view, const Json& document,
                                 const std::string& only) {
  std::vector<const Json*> rows;
  const Json& list = value_of(document, view.name);
  if (!list.is_array()) return rows;
  for (const Json& row : list) {
    const Json& first = value_of(row, view.columns[0].key);
    if (only.empty() || (first.is_string() && first.get_ref<const std::string&>() == only))
      rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Json* a, const Json* b) { return comes_before(view, *a, *b); });
  return rows;
}

// Lines of cells, padded. The last column is not, so that no line ends in blanks.
std::string aligned(const std::vector<const Column*>& columns,
                    const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], width_of(line[i]));
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string pad(widths[i] - width_of(line[i]), ' ');
      const bool is_right = is_numeric(columns[i]->format);
      const bool is_last = i + 1 == line.size();
      out += (is_right ? pad : "") + line[i] + (is_right || is_last ? "" : pad);
      out += is_last ? "\n" : "  ";
    }
  }
  return out;
}

// One "name  value" a line, values below each other.
std::string pairs(std::span<const Column> columns, const Json& object, bool is_exact,
                  bool is_right) {
  std::size_t names = 0, values = 0;
  std::vector<std::string> cells;
  for (const Column& c : columns) {
    cells.push_back(cell(value_of(object, c.key), c.format, is_exact));
    names = std::max(names, width_of(c.header));
    values = std::max(values, width_of(cells.back()));
  }
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string name = columns[i].header;
    out += name + std::string(names - width_of(name) + 2, ' ');
    if (is_right) out += std::string(values - width_of(cells[i]), ' ');
    out += cells[i] + "\n";
  }
  return out;
}

}  // namespace

std::string with_separators(uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string short_bytes(uint64_t value) {
  if (value < 1000) return std::to_string(value);
  double scaled = static_cast<double>(value);
  const char* unit = "KMGTPE";
  for (scaled /= 1000; scaled >= 999.95; scaled /= 1000) ++unit;
  return one_digit(scaled) + *unit;
}

std::string short_age(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return kUnknown;
  const auto s = static_cast<uint64_t>(seconds);
  char text[64];
  if (s < 60) {
    std::snprintf(text, sizeof text, "%us", static_cast<unsigned>(s));
  } else if (s < 3600) {
    std::snprintf(text, sizeof text, "%um%02us", static_cast<unsigned>(s / 60),
                  static_cast<unsigned>(s % 60));
  } else if (s < 86'400) {
    std::snprintf(text, sizeof text, "%uh%02um", static_cast<unsigned>(s / 3600),
                  static_cast<unsigned>(s / 60 % 60));
  } else {
    std::snprintf(text, sizeof text, "%llud%02uh", static_cast<unsigned long long>(s / 86'400),
                  static_cast<unsigned>(s / 3600 % 24));
  }
  return text;
}

std::string cell(const Json& value, Format format, bool is_exact) {
  switch (format) {
    case Format::kText:
      if (!value.is_string() || value.get_ref<const std::string&>().empty()) return kUnknown;
      return log::printable(value.get_ref<const std::string&>());
    case Format::kBytes:
      if (value.is_number_integer() && !is_exact && value >= 0)
        return short_bytes(value.get<uint64_t>());
      return count(value);
    case Format::kCount:
      return count(value);
    case Format::kDecimal:
      return value.is_number() ? one_digit(value.get<double>()) : kUnknown;
    case Format::kAge:
      return value.is_number() ? short_age(value.get<double>()) : kUnknown;
    case Format::kYesNo:
      return !value.is_boolean() ? kUnknown : value.get<bool>() ? "yes" : "no";
    case Format::kList:
      return list(value);
  }
  return kUnknown;
}

std::string render(const api::View& view, const Json& document, const RenderOptions& options) {
  if (view.is_object) return pairs(view.columns, document, options.is_exact, false);
  std::vector<const Column*> columns;
  for (const Column& c : view.columns)
    if (options.is_wide || !c.is_wide) columns.push_back(&c);
  std::vector<std::vector<std::string>> lines(1);
  for (const Column* c : columns) lines[0].push_back(c->header);
  for (const Json* row : rows_of(view, document, options.only)) {
    auto& line = lines.emplace_back();
    for (const Column* c : columns)
      line.push_back(cell(value_of(*row, c->key), c->format, options.is_exact));
  }
  std::string out = aligned(columns, lines);
  if (!view.totals.empty())
    out += "\n" + pairs(view.totals, value_of(document, "totals"), options.is_exact, true);
  return out;
}

}  // namespace kanmon::cli
