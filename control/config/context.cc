#include "control/config/context.h"

#include <sched.h>

#include "control/log/text.h"

namespace kanmon::config {

Machine Machine::here() {
  Machine machine;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return machine;
  for (uint16_t core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) machine.cores.push_back(core);
  return machine;
}

Context::Step::Step(Context& context, const Node& key, const Node& value)
    : context_(context), length_(context.path_.size()) {
  const bool is_scalar = value.kind == Node::Kind::kScalar;
  context_.path_ = context_.join(key.text);
  context_.places_.emplace(context_.path_, is_scalar ? value.mark : key.mark);
}

Context::Step::Step(Context& context, std::size_t item, const Node& node)
    : context_(context), length_(context.path_.size()) {
  context_.path_ += "[" + std::to_string(item) + "]";
  context_.places_.emplace(context_.path_, node.mark);
}

std::string Context::join(std::string_view key) const {
  const std::string name = log::printable(key, 64);
  return path_.empty() ? name : path_ + "." + name;
}

void Context::keep_item() {
  kept_[path_.substr(0, path_.rfind('['))].push_back(path_);
}

std::string Context::item_path(const std::string& list, std::size_t n) const {
  const auto found = kept_.find(list);
  return found == kept_.end() || n >= found->second.size() ? list : found->second[n];
}

Mark Context::place(const std::string& key) const {
  std::string path = key;
  for (;;) {
    const auto found = places_.find(path);
    if (found != places_.end()) return found->second;
    const auto end = path.find_last_of(".[");
    if (end == std::string::npos) return {};
    path.resize(end);
  }
}

void Context::expected(const Node& node, std::string_view what) {
  error(node, "found " + node.describe() + ", expected " + std::string(what));
}

void Context::error(const Node& node, std::string text) {
  problems_.error(node.mark, path_, std::move(text));
}

void Context::warning(const Node& node, std::string text) {
  problems_.warning(node.mark, path_, std::move(text));
}

void Context::error_at(std::string key, std::string text) {
  const Mark mark = place(key);
  problems_.error(mark, std::move(key), std::move(text));
}

void Context::warning_at(std::string key, std::string text) {
  const Mark mark = place(key);
  problems_.warning(mark, std::move(key), std::move(text));
}

}  // namespace kanmon::config
