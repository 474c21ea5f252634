// The documents of `show.*`: which keys a row has, in which order and unit. The daemon fills them,
// the command line prints them, docs/api.md lists them; a new column is one row here.
//
// Answer of show.NAME: {"NAME":[row, …]} and, where the view has totals, "totals":{…}.
// show.version answers with one object. Keys are in snake_case and end in their unit where they
// have one (_s seconds, _percent); counters count from the start of the program and are integers.
// A value that is not known is null and prints as "-".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kanmon::api {

enum class Format : uint8_t {
  kText,     // a string
  kCount,    // an integer, printed with thousands separators
  kBytes,    // an integer, printed as 1.2M; exact with --exact
  kDecimal,  // a number, printed with one digit after the point
  kAge,      // seconds, printed as 2d03h, 4h05m, 6m07s, 8s
  kYesNo,    // a boolean
  kList,     // strings or integers, printed with spaces between
};

struct Column {
  const char* key;     // in the JSON row
  const char* header;  // in the table: the key in capitals, shortened, with the unit
  Format format;
  const char* help;
  bool is_wide = false;  // printed with --wide only
};

enum class Order : uint8_t { kAscending, kDescending, kLast };

// Rows are printed sorted by these, the first that differs decides: what hurts comes first.
struct SortKey {
  const char* key;
  Order order;
  const char* last = "";  // kLast: rows with this value come after all others
};

struct View {
  const char* name;  // "tunnels": method show.tunnels
  const char* help;
  std::span<const Column> columns;
  std::span<const SortKey> sort;
  std::span<const Column> totals;  // of the object "totals"; empty: the view has none
  bool is_object = false;          // one object instead of rows
};

std::span<const View> views();
// nullptr if there is none.
const View* find_view(std::string_view name);

// The views as Markdown tables, as docs/api.md has them.
std::string views_markdown();

}  // namespace kanmon::api
