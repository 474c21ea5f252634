// The `device:` strings of ports: which kinds there are and what each must look like.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kanmon::config {

struct DeviceKind {
  std::string_view name;     // before the first colon
  std::string_view example;  // of a whole string
  std::string_view help;
  bool (*matches)(std::string_view address);  // what follows the colon, options taken off
  bool is_shared = false;                     // two ports may name the same one
};

std::span<const DeviceKind> device_kinds();

// The kind whose name stands before the first colon, else nullptr.
const DeviceKind* device_kind(std::string_view device);

// Empty if `device` is well formed: "kind:address", then any number of ",option=value". Otherwise
// what was expected of it.
std::string device_problem(std::string_view device);

}  // namespace kanmon::config
