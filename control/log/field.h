// One key=value of a log line.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "control/common/secret.h"

namespace kanmon::log {

// Refers to its text: made in the call that logs it, gone after it. There is no way to make one
// from a Secret (INV-9).
struct Field {
  std::string_view key;  // snake_case, with its unit: "took_ms"
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  Field(std::string_view k, std::signed_integral auto v) : key(k), value(int64_t{v}) {}
  Field(std::string_view k, std::unsigned_integral auto v) : key(k), value(uint64_t{v}) {}
  Field(std::string_view k, const Secret& v) = delete;
};

}  // namespace kanmon::log
