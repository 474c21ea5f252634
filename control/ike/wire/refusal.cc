#include "control/ike/wire/refusal.h"

namespace kanmon::ike {

std::string to_string(const Refusal& r) {
  std::string text = r.notify == NotifyType::kNone ? "dropped" : to_string(r.notify);
  text += ": ";
  if (r.payload != PayloadType::kNone) text += "payload " + to_string(r.payload) + " ";
  text += r.why;
  return text + " (" + kanmon::to_string(r.error.code) + " at " + std::to_string(r.error.at) + ")";
}

}  // namespace kanmon::ike
