#include "control/daemon/handlers.h"

#include <utility>

#include "control/daemon/views.h"

namespace kanmon::daemon {
namespace {

using api::Answer;
using api::Json;
using api::Refusal;

TimePoint now() {
  return std::chrono::steady_clock::now();
}

Answer refusal(const std::string& name, Error error) {
  if (error.code == Errc::kNotFound)
    return Answer::refuse(Refusal::kNotFound, "no tunnel is called " + name);
  return Answer::refuse(Refusal::kConflict,
                        "tunnel " + name + " is not in a state that allows it; see show tunnels");
}

Json accepted(const Gateway& gateway, const std::string& name) {
  const auto state = gateway.ike().state(name);
  return {{"tunnel", name}, {"state", state ? ike::to_string(*state) : ""}};
}

Answer tunnel_command(Gateway& gateway, const Json& params,
                      Status (ike::Engine::*command)(TimePoint, std::string_view)) {
  const std::string name = api::text_param(params, "name");
  if (name.empty()) return Answer::refuse(Refusal::kBadRequest, "params.name: a tunnel's name");
  const Status done = (gateway.ike().*command)(now(), name);
  return done.ok() ? Answer::of(accepted(gateway, name)) : refusal(name, done.error());
}

// "TABLE PREFIX", as `next` of an answer says it.
bool read_after(const std::string& text, views::RouteQuery& query) {
  const auto space = text.find(' ');
  if (space == std::string::npos) return false;
  const auto prefix = wire::Prefix::parse(text.substr(space + 1));
  if (!prefix.ok()) return false;
  query.after_table = text.substr(0, space);
  query.after = *prefix;
  return true;
}

Answer show_routes(const Gateway& gateway, const Json& params) {
  views::RouteQuery query;
  query.table = api::text_param(params, "table");
  if (!query.table.empty() && gateway.tables().count(query.table) == 0)
    return Answer::refuse(Refusal::kNotFound,
                          "no route table or underlay is called " + query.table);
  const std::string prefix = api::text_param(params, "prefix");
  const std::string address = api::text_param(params, "address");
  const std::string after = api::text_param(params, "after");
  if (const auto p = wire::Prefix::parse(prefix); p.ok()) query.within = *p;
  if (const auto a = wire::IpAddress::parse(address); a.ok()) query.address = *a;
  if (!prefix.empty() && !query.within)
    return Answer::refuse(Refusal::kBadRequest, "params.prefix: an IPv4 or IPv6 prefix");
  if (!address.empty() && !query.address)
    return Answer::refuse(Refusal::kBadRequest, "params.address: an IPv4 or IPv6 address");
  if (!after.empty() && !read_after(after, query))
    return Answer::refuse(Refusal::kBadRequest, "params.after: what `next` of an answer said");
  if (const auto limit = params.find("limit"); limit != params.end()) {
    if (!limit->is_number_unsigned() || *limit == 0)
      return Answer::refuse(Refusal::kBadRequest, "params.limit: a number of prefixes above 0");
    query.limit = limit->get<size_t>();
  }
  return Answer::of(views::routes(gateway, now(), query));
}

Answer tunnel_rekey(Gateway& gateway, const Json& params) {
  const std::string name = api::text_param(params, "name");
  if (name.empty()) return Answer::refuse(Refusal::kBadRequest, "params.name: a tunnel's name");
  const auto ike = params.find("ike");
  const bool whole = ike != params.end() && ike->is_boolean() && ike->get<bool>();
  const auto done =
      whole ? gateway.ike().rekey_ike(now(), name) : gateway.ike().rekey_child(now(), name);
  if (!done.ok()) return refusal(name, done.error());
  Json answer = accepted(gateway, name);
  answer["queued"] = done.value() == ike::Rekeying::kQueued;
  return Answer::of(std::move(answer));
}

}  // namespace

void add_handlers(api::Dispatcher& dispatcher, Gateway& gateway, std::function<Answer()> reload) {
  const auto show = [&](const char* name, std::function<Json(const Json&)> view) {
    dispatcher.add(std::string("show.") + name, [view = std::move(view)](const Json& params) {
      return Answer::of(view(params));
    });
  };
  show("tunnels", [&](const Json&) { return views::tunnels(gateway, now()); });
  show("sas", [&](const Json&) { return views::sas(gateway, now()); });
  show("bfd", [&](const Json&) { return views::bfd(gateway); });
  show("health", [&](const Json&) { return views::health(gateway); });
  show("groups", [&](const Json&) { return views::groups(gateway); });
  show("fpm", [&](const Json&) { return views::fpm(gateway, now()); });
  show("neighbors", [&](const Json&) { return views::neighbors(gateway, now()); });
  show("workers", [&](const Json&) { return views::workers(gateway); });
  show("stages", [&](const Json&) { return views::stages(gateway); });
  show("latency", [&](const Json&) { return views::latency(gateway); });
  show("drops", [&](const Json&) { return views::drops(gateway); });
  show("steering", [&](const Json&) { return views::steering(gateway); });
  show("ports", [&](const Json&) { return views::ports(gateway); });
  show("host", [&](const Json&) { return views::host_devices(gateway); });
  show("version", [&](const Json&) { return views::version(gateway); });
  show("attachments", [&](const Json&) { return views::attachments(gateway); });
  show("tables", [&](const Json&) { return views::tables(gateway); });
  dispatcher.add("show.routes", [&](const Json& params) { return show_routes(gateway, params); });
  dispatcher.add("reload", [reload = std::move(reload)](const Json&) { return reload(); });
  dispatcher.add("tunnel.up", [&](const Json& params) {
    return tunnel_command(gateway, params, &ike::Engine::up);
  });
  dispatcher.add("tunnel.down", [&](const Json& params) {
    return tunnel_command(gateway, params, &ike::Engine::down);
  });
  add_bgp_handlers(dispatcher, gateway);
  add_trace_handlers(dispatcher, gateway);
  add_capture_handlers(dispatcher, gateway);
  dispatcher.add("tunnel.rekey", [&](const Json& params) { return tunnel_rekey(gateway, params); });
}

}  // namespace kanmon::daemon
