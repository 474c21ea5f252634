// Configuration text from anywhere: problems or a Config, never more (fault "config reload with a
// bad file"). A Config that is accepted differs in nothing from itself.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "control/config/changes.h"
#include "control/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kanmon::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  // Key files are named by the text: the fuzzer shall not read what it guesses.
  if (text.find("key-file") != std::string::npos) return 0;
  const Loaded loaded = load_text(text, "fuzz.yaml");
  const bool refused = std::any_of(loaded.problems.begin(), loaded.problems.end(),
                                   [](const Problem& p) { return !p.warning; });
  if (loaded.config.has_value() == refused) std::abort();
  for (const Problem& p : loaded.problems)
    if (p.to_string().find('\n') != std::string::npos) std::abort();
  if (loaded.config && !changes_between(*loaded.config, *loaded.config).empty()) std::abort();
  return 0;
}
