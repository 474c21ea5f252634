#include "dataplane/xdp/front.h"

#include <utility>

namespace kanmon::xdp {
namespace {

void add(Counts& sum, const Counts& more) {
  for (std::size_t v = 0; v < sum.size(); ++v) sum[v] += more[v];
}

}  // namespace

std::string Front::take(uint16_t port, const std::string& interface) {
  if (interface.empty()) return {};
  std::string error;
  std::unique_ptr<Steering> steering = Steering::take_over(interface, filter_, error);
  if (steering != nullptr) ports_[port] = std::move(steering);
  if (!error.empty())
    error = interface + ": no frame is dropped early or left to the kernel: " + error;
  return error;
}

void Front::let_go(uint16_t port) {
  add(before_, counts(port));
  ports_.erase(port);
}

bool Front::set(uint16_t port, const Rules& rules) {
  const auto at = ports_.find(port);
  return at == ports_.end() || at->second->set(rules);
}

Counts Front::counts(uint16_t port) const {
  const auto at = ports_.find(port);
  return at == ports_.end() ? Counts{} : at->second->counts();
}

Counts Front::counts() const {
  Counts sum = before_;
  for (const auto& [port, steering] : ports_) add(sum, steering->counts());
  return sum;
}

}  // namespace kanmon::xdp
