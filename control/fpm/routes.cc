#include "control/fpm/routes.h"

#include <algorithm>
#include <utility>

namespace kanmon::fpm {

namespace {

// Groups within groups lead nowhere: zebra sends them flat, and a circle would have no end.
constexpr unsigned kDeepest = 1;

bool has_member(const NextHopMessage& hop, uint32_t object) {
  return std::any_of(hop.group.begin(), hop.group.end(),
                     [object](const auto& member) { return member.object == object; });
}

}  // namespace

void Routes::connected(TimePoint now) {
  ++epoch_;
  is_connected_ = true;
  due_ = now + limits_.stale;
}

void Routes::disconnected(TimePoint now) {
  is_connected_ = false;
  due_ = now + limits_.stale;
}

void Routes::tick(TimePoint now) {
  if (!due_ || now < *due_) return;
  due_.reset();
  if (!is_connected_) ++epoch_;
  sweep();
}

void Routes::replay() {
  for (auto& [prefix, route] : routes_) publish(prefix, route);
}

void Routes::clear() {
  for (const auto& [prefix, route] : routes_)
    if (route.given) sink_.unset(prefix);
  routes_.clear();
  objects_.clear();
  unresolved_ = 0;
}

size_t Routes::stale() const {
  if (!is_connected_) return routes_.size();
  return static_cast<size_t>(std::count_if(
      routes_.begin(), routes_.end(), [&](const auto& r) { return r.second.epoch != epoch_; }));
}

void Routes::apply(std::span<const Message> messages) {
  Touched touched;
  for (const Message& message : messages) {
    ++counters_.messages;
    std::visit([&](const auto& m) { take(m, touched); }, message);
  }
  publish(touched);
}

void Routes::take(const RouteMessage& route, Touched& touched) {
  const auto it = routes_.find(route.prefix);
  if (route.removes) {
    if (it == routes_.end()) return;
    detach(it->first, it->second.to);
    if (it->second.given) gone_.insert(it->first);
    if (it->second.unresolved) --unresolved_;
    routes_.erase(it);
    touched.insert(route.prefix);
    return;
  }
  if (it == routes_.end() && routes_.size() >= limits_.routes) {
    ++counters_.refused;
    return;
  }
  // Before the old object is let go of: it may be the same.
  Object* const object = route.to.object != 0 ? refer(route.to.object) : nullptr;
  if (route.to.object != 0 && object == nullptr) return;
  Route& entry = routes_[route.prefix];
  const uint32_t old = entry.to.object;
  if (old != 0 && old != route.to.object) detach(route.prefix, entry.to);
  if (object != nullptr) object->routes.insert(route.prefix);
  if (gone_.erase(route.prefix) != 0) entry.given = true;
  entry.to = route.to;
  entry.epoch = epoch_;
  touched.insert(route.prefix);
}

void Routes::take(const NextHopMessage& hop, Touched& touched) {
  const auto it = objects_.find(hop.object);
  if (hop.removes) {
    if (it == objects_.end()) return;
    touch_users(hop.object, touched, 0);
    forget_object(it->second, hop.object);
    return;
  }
  Object* const object = refer(hop.object);
  if (object == nullptr) return;
  for (const auto& member : hop.group)
    if (Object* const part = refer(member.object); part != nullptr) part->groups.insert(hop.object);
  const std::vector<NextHopMessage::GroupMember> old = std::exchange(object->is.group, {});
  object->is = hop;
  object->known = true;
  object->epoch = epoch_;
  for (const auto& member : old)
    if (!has_member(hop, member.object)) leave_group(member.object, hop.object);
  touch_users(hop.object, touched, 0);
}

void Routes::leave_group(uint32_t member, uint32_t group) {
  if (const auto it = objects_.find(member); it != objects_.end()) it->second.groups.erase(group);
  let_go(member);
}

void Routes::touch_users(uint32_t object, Touched& touched, unsigned depth) {
  const auto it = objects_.find(object);
  if (it == objects_.end() || depth > kDeepest) return;
  touched.insert(it->second.routes.begin(), it->second.routes.end());
  for (const uint32_t group : it->second.groups) touch_users(group, touched, depth + 1);
}

// The object, made if nobody spoke of it before; null beyond the limit.
Routes::Object* Routes::refer(uint32_t object) {
  const auto it = objects_.find(object);
  if (it != objects_.end()) return &it->second;
  if (objects_.size() >= limits_.objects) {
    ++counters_.refused;
    return nullptr;
  }
  return &objects_[object];
}

// Forgets an object that was never told and that nothing refers to any more.
void Routes::let_go(uint32_t object) {
  const auto it = objects_.find(object);
  if (it == objects_.end() || it->second.known) return;
  if (it->second.routes.empty() && it->second.groups.empty()) objects_.erase(it);
}

void Routes::detach(const wire::Prefix& prefix, const Destination& to) {
  if (to.object == 0) return;
  if (const auto it = objects_.find(to.object); it != objects_.end())
    it->second.routes.erase(prefix);
  let_go(to.object);
}

void Routes::forget_object(Object& object, uint32_t id) {
  const auto group = std::exchange(object.is.group, {});
  object.known = false;
  for (const auto& member : group) leave_group(member.object, id);
  let_go(id);
}

bool Routes::resolve(uint32_t id, std::vector<Way>& ways, bool& blackhole, unsigned depth) const {
  const auto it = objects_.find(id);
  if (it == objects_.end() || !it->second.known || depth > kDeepest) return false;
  const NextHopMessage& is = it->second.is;
  if (is.blackhole) return blackhole = true;
  if (is.group.empty()) {
    if (ways.size() < kMostWays) ways.push_back(is.way);
    return true;
  }
  // Members that are not known carry nothing; the others do.
  bool any = false;
  for (const auto& member : is.group) {
    const size_t before = ways.size();
    any |= resolve(member.object, ways, blackhole, depth + 1);
    for (size_t i = before; i < ways.size(); ++i) ways[i].weight = member.weight;
  }
  return any;
}

bool Routes::resolve(const Destination& to, std::vector<Way>& ways) const {
  bool blackhole = to.blackhole;
  if (to.object != 0 && !resolve(to.object, ways, blackhole, 0)) return false;
  if (to.object == 0) ways = to.ways;
  return blackhole || !ways.empty();
}

void Routes::publish(const Touched& touched) {
  for (const wire::Prefix& prefix : touched)
    if (const auto it = routes_.find(prefix); it != routes_.end()) publish(prefix, it->second);
  for (const wire::Prefix& prefix : std::exchange(gone_, {})) sink_.unset(prefix);
}

void Routes::publish(const wire::Prefix& prefix, Route& route) {
  std::vector<Way> ways;
  const bool resolved = resolve(route.to, ways);
  if (route.unresolved == resolved) {
    route.unresolved = !resolved;
    resolved ? --unresolved_ : ++unresolved_;
  }
  if (resolved)
    sink_.set(prefix, ways);
  else if (route.given)
    sink_.unset(prefix);
  route.given = resolved;
}

// What the present connection has not told: objects last, as routes lead to them.
void Routes::sweep() {
  Touched touched;
  for (auto it = routes_.begin(); it != routes_.end();) {
    const auto here = it++;
    if (here->second.epoch == epoch_) continue;
    detach(here->first, here->second.to);
    if (here->second.given) gone_.insert(here->first);
    if (here->second.unresolved) --unresolved_;
    routes_.erase(here);
  }
  std::vector<uint32_t> old;
  for (const auto& [id, object] : objects_)
    if (object.known && object.epoch != epoch_) old.push_back(id);
  for (const uint32_t id : old) {
    const auto it = objects_.find(id);
    if (it == objects_.end()) continue;
    touch_users(id, touched, 0);
    forget_object(it->second, id);
  }
  publish(touched);
}

}  // namespace kanmon::fpm
