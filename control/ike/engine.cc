#include "control/ike/engine.h"

#include <algorithm>

#include <fmt/format.h>

#include "control/ike/sa/tasks.h"

namespace kanmon::ike {

struct Engine::Impl {
  Impl(Host& host, EngineOptions options) : core(host, options) {}

  Core core;

  // Every door into the engine sets the time first and frees what has gone last.
  struct Visit {
    Visit(Impl& impl, TimePoint now) : core(impl.core) { core.now = now; }
    ~Visit() { core.sweep(); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    Core& core;
  };

  void forget(Tunnel& tunnel) {
    tunnel.removed = tunnel.barred = true;
    core.tunnels_by_name.erase(tunnel.parameters.name);
    ++core.removed_tunnels;
    for (auto& [spi, sa] : core.ikes)
      if (sa->handshake) std::erase(sa->handshake->tunnels, &tunnel);
    tunnel::take_down(core, tunnel, "removed from the configuration");
  }

  static Result<Rekeying> ask(Core& core, IkeSa& sa, Work work) {
    core.enqueue(sa, work);
    pump(core, sa);
    if (sa.under_way == work) return Rekeying::kStarted;
    // Neither: it could not be built, which has been logged.
    if (std::ranges::find(sa.queue, work) == sa.queue.end()) return Errc::kUnsupported;
    return Rekeying::kQueued;
  }

  void run(Timers::Key key) {
    if (key.kind >= TimerKind::kTunnelRetry) {
      if (Tunnel* tunnel = core.tunnel_by_serial(key.subject))
        tunnel::on_timer(core, key.kind, *tunnel);
    } else if (key.kind >= TimerKind::kChildRekey) {
      if (Child* child = core.child_by_spi(static_cast<uint32_t>(key.subject)))
        sad::on_timer(core, key.kind, *child);
    } else if (IkeSa* sa = core.ike_by_spi(key.subject)) {
      on_ike_timer(core, key.kind, *sa);
    }
  }
};

Engine::Engine(Host& host, EngineOptions options) : impl_(std::make_unique<Impl>(host, options)) {}
Engine::~Engine() = default;

void Engine::add(TimePoint now, TunnelParameters parameters) {
  Impl::Visit visit(*impl_, now);
  Core& core = visit.core;
  if (Tunnel* old = core.tunnel_by_name(parameters.name)) {
    if (old->parameters == parameters) return;
    impl_->forget(*old);
  }
  auto owned = std::make_unique<Tunnel>();
  Tunnel& tunnel = *owned;
  tunnel.parameters = std::move(parameters);
  tunnel.serial = core.serial();
  tunnel.wanted = tunnel.parameters.startup == StartupAction::kStart;
  core.tunnels.emplace(tunnel.serial, std::move(owned));
  core.tunnels_by_name.emplace(tunnel.parameters.name, &tunnel);
  if (tunnel.wanted) tunnel::start(core, tunnel);
}

void Engine::remove(TimePoint now, std::string_view name) {
  Impl::Visit visit(*impl_, now);
  if (Tunnel* tunnel = visit.core.tunnel_by_name(name)) impl_->forget(*tunnel);
}

Status Engine::up(TimePoint now, std::string_view name) {
  Impl::Visit visit(*impl_, now);
  Tunnel* tunnel = visit.core.tunnel_by_name(name);
  if (tunnel == nullptr) return Errc::kNotFound;
  tunnel->barred = false;
  tunnel->wanted = true;
  tunnel->failures = tunnel->child_failures = 0;
  if (!tunnel->may_initiate()) {
    tunnel->reason.clear();
    return Errc::kUnsupported;
  }
  tunnel::start(visit.core, *tunnel);
  if (IkeSa* sa = tunnel::established_ike(*tunnel); sa && !tunnel::has_live_child(*tunnel)) {
    visit.core.enqueue(*sa, {Work::Kind::kCreateChild});
    pump(visit.core, *sa);
  }
  return success();
}

Status Engine::down(TimePoint now, std::string_view name) {
  Impl::Visit visit(*impl_, now);
  Tunnel* tunnel = visit.core.tunnel_by_name(name);
  if (tunnel == nullptr) return Errc::kNotFound;
  tunnel->barred = true;
  tunnel::take_down(visit.core, *tunnel, "taken down by the operator");
  return success();
}

Result<Rekeying> Engine::rekey_child(TimePoint now, std::string_view name) {
  Impl::Visit visit(*impl_, now);
  Tunnel* tunnel = visit.core.tunnel_by_name(name);
  if (tunnel == nullptr) return Errc::kNotFound;
  Child* child =
      tunnel->outbound_spi == 0 ? nullptr : visit.core.child_by_spi(tunnel->outbound_spi);
  if (child == nullptr || child->ike == nullptr) return Errc::kUnsupported;
  if (!child->superseded())
    return Impl::ask(visit.core, *child->ike, {Work::Kind::kRekeyChild, child->spi()});
  // Its successor does not carry the traffic yet, so neither of the two can be rekeyed now.
  tunnel->rekey_wished = true;
  return Rekeying::kQueued;
}

Result<Rekeying> Engine::rekey_ike(TimePoint now, std::string_view name) {
  Impl::Visit visit(*impl_, now);
  Tunnel* tunnel = visit.core.tunnel_by_name(name);
  if (tunnel == nullptr) return Errc::kNotFound;
  IkeSa* sa = tunnel::established_ike(*tunnel);
  if (sa == nullptr) return Errc::kUnsupported;
  return Impl::ask(visit.core, *sa, {Work::Kind::kRekeyIke});
}

void Engine::shut_down(TimePoint now) {
  Impl::Visit visit(*impl_, now);
  Core& core = visit.core;
  core.shutting_down = true;
  for (const auto& [serial, tunnel] : core.tunnels)
    tunnel::take_down(core, *tunnel, "shutting down");
  std::vector<IkeSa*> half_open;
  for (const auto& [key, sa] : core.half_open) half_open.push_back(sa);
  for (IkeSa* sa : half_open) core.bury(*sa);
}

bool Engine::idle() const {
  return std::ranges::all_of(
      impl_->core.ikes, [](const auto& entry) { return entry.second->state == IkeState::kClosed; });
}

void Engine::receive(TimePoint now, const wire::Endpoint& local, const wire::Endpoint& remote,
                     wire::Bytes message) {
  Impl::Visit visit(*impl_, now);
  visit.core.count(Count::kReceived);
  const auto header = parse_header(message);
  if (!header.ok()) return visit.core.count(Count::kMalformedHeader);
  ike::receive(visit.core, {local, remote, message, header.value()});
}

void Engine::inbound_installed(TimePoint now, uint32_t inbound_spi) {
  Impl::Visit visit(*impl_, now);
  if (Child* child = visit.core.child_by_spi(inbound_spi)) sad::installed(visit.core, *child);
}

void Engine::traffic_seen(TimePoint now, uint32_t inbound_spi, uint64_t packets_in,
                          uint64_t packets_out, const wire::Endpoint& remote) {
  Impl::Visit visit(*impl_, now);
  if (Child* child = visit.core.child_by_spi(inbound_spi))
    sad::on_traffic(visit.core, *child, packets_in, packets_out, remote);
}

void Engine::path_lost(TimePoint now, uint32_t inbound_spi) {
  Impl::Visit visit(*impl_, now);
  if (Child* child = visit.core.child_by_spi(inbound_spi)) sad::on_path_lost(visit.core, *child);
}

void Engine::limit_reached(TimePoint now, uint32_t inbound_spi, bool hard) {
  Impl::Visit visit(*impl_, now);
  if (Child* child = visit.core.child_by_spi(inbound_spi)) sad::on_limit(visit.core, *child, hard);
}

void Engine::tick(TimePoint now) {
  Impl::Visit visit(*impl_, now);
  while (const auto key = visit.core.timers.pop(now)) impl_->run(*key);
}

TimePoint Engine::next_deadline() const {
  return impl_->core.timers.next();
}

std::vector<TunnelStatus> Engine::status(TimePoint now) const {
  return ike::status(impl_->core, now);
}

std::optional<TunnelState> Engine::state(std::string_view name) const {
  const Tunnel* tunnel = impl_->core.tunnel_by_name(name);
  if (tunnel == nullptr) return std::nullopt;
  return state_of(impl_->core, *tunnel);
}

EngineSizes Engine::sizes() const {
  const Core& core = impl_->core;
  EngineSizes sizes;
  sizes.tunnels = core.tunnels.size();
  sizes.ike_sas = core.ikes.size();
  sizes.child_sas = core.children.size();
  sizes.timers = core.timers.size();
  sizes.half_open = core.half_open.size();
  for (const auto& [spi, sa] : core.ikes) sizes.queued += sa->queue.size();
  return sizes;
}

void Engine::visit_keys(const std::function<void(const IkeKeyView&)>& visit) const {
  for (const auto& [spi, sa] : impl_->core.ikes) {
    if (sa->tunnel == nullptr || !is_authenticated(sa->state)) continue;
    const Agreement& a = sa->agreed;
    const SkKeys ours = a.seal.keys(), theirs = a.open.keys();
    visit({sa->tunnel->parameters.tunnel, sa->spi_initiator, a.spi_responder, a.suite.encryption,
           a.suite.key_bits, a.suite.integrity, sa->initiator ? ours : theirs,
           sa->initiator ? theirs : ours});
  }
}

std::vector<std::pair<std::string, uint64_t>> Engine::counters() const {
  return impl_->core.counters.all();
}

}  // namespace kanmon::ike
