// Shell completion, made from the commands themselves.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace kanmon::cli {

// A script for bash: `source <(kanmon completion bash)`.
std::string bash_completion(const CLI::App& app);

}  // namespace kanmon::cli
