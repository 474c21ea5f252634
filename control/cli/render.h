// JSON documents of the API as tables for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "control/api/views.h"

namespace kanmon::cli {

using Json = nlohmann::ordered_json;

struct RenderOptions {
  bool is_wide = false;   // all columns
  bool is_exact = false;  // octets as integers
  std::string only;       // rows whose first column has this value; empty: all
};

// The answer `document` of show.NAME as an aligned table: text to the left, numbers to the right, a
// space of two between columns, units in the head, rows sorted as the view says, totals below.
// Values of a wrong type print as "-", never abort: the daemon may be of another version.
std::string render(const api::View& view, const Json& document, const RenderOptions& options);

// One value as a cell.
std::string cell(const Json& value, api::Format format, bool is_exact);

std::string with_separators(uint64_t value);  // 1,234,567
std::string short_bytes(uint64_t value);      // 999, 1.2K, 34.5M: powers of 1000
std::string short_age(double seconds);        // 8s, 6m07s, 4h05m, 2d03h

}  // namespace kanmon::cli
