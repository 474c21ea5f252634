#include "control/config/check.h"

#include <algorithm>

namespace kanmon::config {

void check(Context& context, const Config& config, const Machine& machine) {
  check_system(context, config.system, machine);
  check_ports(context, config);
  check_attachments(context, config);
  check_routes(context, config);
  check_tunnels(context, config);
  check_host(context, config);
  check_bgp(context, config);
  check_paths(context, config);
}

bool ports_are_sound(Context& context, const Config& config) {
  const Problems& problems = context.problems();
  return std::none_of(config.ports.begin(), config.ports.end(), [&](const Port& p) {
    const std::string path = "ports." + p.name;
    return p.underlay.empty() == p.table.empty() || problems.failed_at(path + ".underlay") ||
           problems.failed_at(path + ".table") || problems.failed_at(path + ".addresses");
  });
}

void check_reference(Context& context, const std::string& key, const std::string& name,
                     const std::vector<std::string_view>& known, const char* where) {
  if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) return;
  context.error_at(key, "found " + in_quotes(name) + ", expected a name from the section " + where +
                            did_you_mean(name, known));
}

}  // namespace kanmon::config
