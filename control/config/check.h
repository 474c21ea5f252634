// Checks between sections: what a value alone cannot tell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config/config.h"
#include "control/config/context.h"

namespace kanmon::config {

// Reports every contradiction in `config`. Sections that are wrong in themselves have been reported
// by the reader and may be incomplete here.
void check(Context& context, const Config& config, const Machine& machine);

// The parts of it.
void check_system(Context& context, const System& system, const Machine& machine);
void check_ports(Context& context, const Config& config);
void check_routes(Context& context, const Config& config);
void check_attachments(Context& context, const Config& config);
void check_tunnels(Context& context, const Config& config);
void check_host(Context& context, const Config& config);
void check_bgp(Context& context, const Config& config);
void check_paths(Context& context, const Config& config);

// True if the addresses of every port and its place in a table are known: else what depends on
// them would be reported as wrong although only they are.
bool ports_are_sound(Context& context, const Config& config);

// Reports that `name`, the value of `key`, is none of `known`, the names of the section `where`. An
// empty name was reported by the reader.
void check_reference(Context& context, const std::string& key, const std::string& name,
                     const std::vector<std::string_view>& known, const char* where);

template <class T>
std::vector<std::string_view> names_in(const std::vector<T>& list) {
  std::vector<std::string_view> out;
  for (const T& x : list) out.push_back(x.name);
  return out;
}

}  // namespace kanmon::config
