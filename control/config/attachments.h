// Attachments in the configuration, and what follows from them.
#pragma once

#include <string>
#include <vector>

#include "control/config/codec.h"

namespace kanmon::config {

// The section `attachments`. Those that are implied are no part of the file.
struct Attachments {
  static void read(Context& context, const Node& node, std::vector<Attachment>& out);
  static std::string show(const std::vector<Attachment>&) { return {}; }
  static Json schema();
  static void diff(const std::string& path, const std::vector<Attachment>& before,
                   const std::vector<Attachment>& after, Changes& changes);
};

// Fills in what is derived: the table of each attachment and of its ports and tunnels, and an
// implied attachment for every port and tunnel that has a route table and no attachment. Called
// once, between reading and checking.
void derive_attachments(Config& config);

// Null if there is none.
const Attachment* find_attachment(const Config& config, const std::string& name);

}  // namespace kanmon::config
