#include "control/cli/bgp.h"

#include <CLI/CLI.hpp>

#include "dataplane/wire/address.h"

namespace kanmon::cli {
namespace {

constexpr unsigned kLongestText = 255;  // RFC 9003

struct RouteOptions {
  std::string what, peer, table, kind, after;
  unsigned limit = 1000;
};

Json params_of(const RouteOptions& o, const std::string& kind) {
  Json params = {{"limit", o.limit}};
  if (!o.peer.empty()) params["peer"] = o.peer;
  if (!o.table.empty()) params["table"] = o.table;
  if (!o.after.empty()) params["after"] = o.after;
  if (!kind.empty()) params["kind"] = kind;
  if (o.what.empty()) return params;
  params[wire::IpAddress::parse(o.what).ok() ? "address" : "prefix"] = o.what;
  return params;
}

// `kind` empty: an option; else the peer is given first.
void define_routes(CLI::App& parent, const char* name, const char* help, const char* kind,
                   const BgpCommands& commands, const std::function<void(CLI::App&)>& add_options) {
  auto o = std::make_shared<RouteOptions>();
  CLI::App* sub = parent.add_subcommand(name, help);
  sub->fallthrough();
  const std::string fixed = kind;
  if (!fixed.empty()) sub->add_option("peer", o->peer, "The peer's name or address")->required();
  sub->add_option("prefix", o->what,
                  "Only prefixes within this one, or the longest match of this address");
  if (fixed.empty()) {
    sub->add_option("--peer", o->peer, "Only routes from this peer");
    sub->add_option("--kind", o->kind, "all, best, received or advertised");
  }
  sub->add_option("--table", o->table, "Only this table's speaker");
  sub->add_option("--limit", o->limit, "At most so many prefixes")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  sub->add_option("--after", o->after, "Go on behind this: what `next` of the answer before said");
  add_options(*sub);
  sub->callback([o, fixed, show = commands.show] {
    show("bgp-routes", params_of(*o, fixed.empty() ? o->kind : fixed));
  });
}

void define_neighbor(CLI::App& parent, const char* name, const BgpCommands& commands) {
  auto peer = std::make_shared<std::string>();
  CLI::App* sub = parent.add_subcommand(name, "Everything about one peer");
  sub->fallthrough();
  sub->add_option("peer", *peer, "The peer's name or address")->required();
  sub->callback([peer, show = commands.show] { show("bgp-neighbor", {{"peer", *peer}}); });
}

void define_drain(CLI::App& app, const char* name, const char* help, const BgpCommands& commands) {
  struct Options {
    std::string peer, tunnel;
    bool is_all = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(name, help);
  sub->fallthrough();
  CLI::Option* peer = sub->add_option("--peer", o->peer, "This peer, by name or address");
  CLI::Option* tunnel = sub->add_option("--tunnel", o->tunnel, "All peers inside this tunnel");
  CLI::Option* all = sub->add_flag("--all", o->is_all, "All peers");
  peer->excludes(tunnel)->excludes(all);
  tunnel->excludes(all);
  sub->callback([o, method = "bgp." + std::string(name), call = commands.call] {
    Json params = Json::object();
    if (!o->peer.empty()) params["peer"] = o->peer;
    if (!o->tunnel.empty()) params["tunnel"] = o->tunnel;
    if (o->is_all) params["all"] = true;
    call(method, params, method == "bgp.drain" ? "draining" : "draining no more");
  });
}

}  // namespace

void define_show_bgp(CLI::App& show, const BgpCommands& commands,
                     const std::function<void(CLI::App&)>& add_options) {
  CLI::App* bgp = show.add_subcommand("bgp", "BGP peers and their sessions; what is down first");
  bgp->fallthrough();
  bgp->require_subcommand(0, 1);
  add_options(*bgp);
  bgp->callback([bgp, show_view = commands.show] {
    if (bgp->get_subcommands().empty()) show_view("bgp", Json::object());
  });
  CLI::App* summary = bgp->add_subcommand("summary", "The same as show bgp");
  summary->fallthrough();
  summary->callback([show_view = commands.show] { show_view("bgp", Json::object()); });
  define_neighbor(*bgp, "neighbors", commands);
  define_routes(*bgp, "routes", "Routes with every path, which one won, and why the others lost",
                "", commands, add_options);
  define_routes(*bgp, "received", "What a peer sent, as it sent it, and what was not let in",
                "received", commands, add_options);
  define_routes(*bgp, "advertised", "What a peer was told", "advertised", commands, add_options);
  define_neighbor(show, "bgp-neighbor", commands);
  define_routes(show, "bgp-routes", "The same as show bgp routes", "", commands, add_options);
}

void define_bgp(CLI::App& app, const BgpCommands& commands) {
  CLI::App* bgp = app.add_subcommand("bgp", "Clear or take down BGP sessions");
  bgp->require_subcommand(1);
  bgp->fallthrough();
  struct Options {
    std::string peer, text;
    bool soft = false, in = false, out = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* clear = bgp->add_subcommand(
      "clear", "End a session and begin it anew, or with --soft… exchange the routes once more");
  clear->fallthrough();
  clear->add_option("peer", o->peer, "The peer's name or address")->required();
  clear->add_flag("--soft", o->soft, "Both ways, without ending the session");
  clear->add_flag("--soft-in", o->in, "Ask the peer for its routes once more (RFC 2918)");
  clear->add_flag("--soft-out", o->out, "Tell the peer our routes once more");
  clear->add_option("--text", o->text, "Words for the operator there (RFC 9003)");
  clear->callback([o, call = commands.call] {
    const bool both = o->soft || (o->in && o->out);
    const char* how = both ? "soft" : o->in ? "soft-in" : o->out ? "soft-out" : "hard";
    Json params = {{"peer", o->peer}, {"how", how}};
    if (!o->text.empty()) params["text"] = o->text.substr(0, kLongestText);
    call("bgp.clear", params, "cleared");
  });
  CLI::App* down = bgp->add_subcommand(
      "shutdown", "Take a session down until `bgp clear`; nothing of it is kept");
  down->fallthrough();
  down->add_option("peer", o->peer, "The peer's name or address")->required();
  down->add_option("--text", o->text, "Words for the operator there (RFC 9003)");
  down->callback([o, call = commands.call] {
    Json params = {{"peer", o->peer}};
    if (!o->text.empty()) params["text"] = o->text.substr(0, kLongestText);
    call("bgp.shutdown", params, "shut down");
  });
  define_drain(app, "drain",
               "Graceful shutdown (RFC 8326): traffic moves away from BGP peers before work on "
               "them, without loss",
               commands);
  define_drain(app, "undrain", "Ends `drain`", commands);
}

}  // namespace kanmon::cli
