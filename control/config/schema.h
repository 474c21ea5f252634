// The schema of the configuration: every key, its range, default and meaning, as tables.
#pragma once

#include <span>
#include <string>

#include "control/config/config.h"
#include "control/config/context.h"
#include "control/config/key.h"

namespace kanmon::config {

// Reads the document into `config`. What is wrong is reported; what is right is read all the same,
// so that the checks between sections can go on.
void read_config(Context& context, const Node& root, Config& config);

// The top level's keys; their codecs lead to all others.
std::span<const Key<Config>> config_keys();

// JSON Schema (draft 2020-12) of the whole file, two spaces a level, newline at the end.
std::string json_schema();

// The same as a table per section, in Markdown: docs/config-reference.md.
std::string markdown_reference();

}  // namespace kanmon::config
