// The commands about BGP: show bgp …, bgp clear and shutdown, drain and undrain.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/cli/render.h"

namespace CLI {
class App;
}

namespace kanmon::cli {

struct BgpCommands {
  // Prints what show.VIEW says.
  std::function<void(const std::string& view, const Json& params)> show;
  // Calls the method and prints `done` with its answer.
  std::function<void(const std::string& method, const Json& params, const std::string& done)> call;
};

// Adds `bgp`, `bgp-neighbor` and `bgp-routes` to `show`, whose options for tables `add_options`
// adds.
void define_show_bgp(CLI::App& show, const BgpCommands& commands,
                     const std::function<void(CLI::App&)>& add_options);
// Adds `bgp`, `drain` and `undrain`.
void define_bgp(CLI::App& app, const BgpCommands& commands);

}  // namespace kanmon::cli
