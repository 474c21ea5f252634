#include "control/cli/commands.h"

#include <chrono>
#include <exception>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "control/api/dispatcher.h"
#include "control/api/views.h"
#include "control/cli/bgp.h"
#include "control/cli/capture.h"
#include "control/cli/client.h"
#include "control/cli/completion.h"
#include "control/cli/footer.h"
#include "control/cli/render.h"
#include "control/cli/trace.h"
#include "control/config/config.h"
#include "control/config/paths.h"
#include "control/config/problems.h"
#include "control/config/schema.h"
#include "control/log/text.h"
#include "dataplane/wire/address.h"

namespace kanmon::cli {
namespace {

// Everything the command line can say.
struct Arguments {
  std::string socket = "/run/kanmon/api.sock";
  bool is_json = false;
  unsigned timeout_s = 10;
  RenderOptions render;
  unsigned watch_s = 0;
  std::string route;  // of show routes: a table, a prefix or an address
  std::string table;
  std::string after;
  unsigned limit = 1000;
  std::string tunnel;
  bool is_ike = false;
  TraceOptions trace;
  CaptureOptions capture;
  std::vector<std::string> filter_words;
  std::string file;
  bool is_markdown = false;
  bool is_views = false;
};

class Program {
 public:
  Program(std::ostream& out, std::ostream& err) : out_(out), err_(err) { define(); }

  int run(int argc, const char* const* argv);

 private:
  void define();
  void define_show();
  void define_routes(CLI::App& sub);
  Json route_params() const;
  void define_tunnel();
  void define_trace();
  void define_capture();
  void define_offline();
  const CLI::App& innermost() const;
  std::vector<std::string_view> commands() const;
  std::string unknown_command() const;

  Reply ask(const std::string& method, const Json& params);
  int refused(const Reply& reply);
  int show(const api::View& view);
  int show_once(const api::View& view);
  int show_with(const api::View& view, const Json& params);
  BgpCommands bgp_commands();
  int call_and_say(const std::string& method, const Json& params, const std::string& done);
  int reload();
  int tunnel(const std::string& verb);
  std::string filter() const;
  int trace_packets();
  int capture_packets();
  int validate();
  void print_json(const Json& document) {
    out_ << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  }

  std::ostream& out_;
  std::ostream& err_;
  Arguments args_;
  int exit_ = kOk;
  CLI::App app_{"Kanmon's command line: asks the running kanmond over its unix socket.", "kanmon"};
};

void Program::define() {
  app_.set_version_flag("--version", "kanmon " KANMON_VERSION);
  app_.footer(kFooter);
  app_.require_subcommand(1);
  app_.fallthrough();
  app_.add_option("--socket", args_.socket, "Unix socket of the daemon's API")
      ->envname("KANMON_SOCKET")
      ->capture_default_str();
  app_.add_flag("--json", args_.is_json, "Print the API's document, with the names of docs/api.md");
  app_.add_option("--timeout", args_.timeout_s, "Seconds to wait for an answer")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  define_show();
  app_.add_subcommand("reload", "Read the configuration again: all of it, or nothing on an error")
      ->callback([this] { exit_ = reload(); });
  define_tunnel();
  define_bgp(app_, bgp_commands());
  define_trace();
  define_capture();
  define_offline();
}

void Program::define_show() {
  CLI::App* show_app = app_.add_subcommand("show", "Print a part of the daemon's state");
  show_app->require_subcommand(1);
  show_app->fallthrough();
  define_show_bgp(*show_app, bgp_commands(), [this](CLI::App& sub) {
    sub.add_flag("--wide", args_.render.is_wide, "All columns");
    sub.add_flag("--exact", args_.render.is_exact, "Octets as exact integers");
  });
  for (const api::View& view : api::views()) {
    if (std::string_view(view.name).substr(0, 3) == "bgp") continue;
    CLI::App* sub = show_app->add_subcommand(view.name, view.help);
    sub->fallthrough();
    sub->callback([this, &view] { exit_ = show(view); });
    if (view.is_object) continue;
    const bool is_routes = std::string_view(view.name) == "routes";
    sub->add_option("name", is_routes ? args_.route : args_.render.only,
                    is_routes
                        ? "Only this table, the prefixes within this one, or the longest match "
                          "of this address"
                        : "Only rows with this in the first column");
    if (is_routes) define_routes(*sub);
    sub->add_flag("--wide", args_.render.is_wide, "All columns");
    sub->add_flag("--exact", args_.render.is_exact, "Octets as exact integers");
    sub->add_option("--watch", args_.watch_s, "Again every so many seconds")
        ->check(CLI::Range(1, 3600));
  }
}

void Program::define_routes(CLI::App& sub) {
  sub.add_option("--table", args_.table, "Only this route table or underlay");
  sub.add_option("--limit", args_.limit, "At most so many prefixes")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  sub.add_option("--after", args_.after,
                 "Go on behind this: what `next` of the answer before said");
}

// What show.routes is asked: the name is a prefix, an address or else a table.
Json Program::route_params() const {
  Json params = {{"limit", args_.limit}};
  if (!args_.table.empty()) params["table"] = args_.table;
  if (!args_.after.empty()) params["after"] = args_.after;
  if (args_.route.empty()) return params;
  const bool is_address = wire::IpAddress::parse(args_.route).ok();
  const bool is_prefix = !is_address && wire::Prefix::parse(args_.route).ok();
  params[is_address ? "address" : is_prefix ? "prefix" : "table"] = args_.route;
  return params;
}

void Program::define_tunnel() {
  CLI::App* tunnel_app = app_.add_subcommand("tunnel", "Bring a tunnel up or down, or rekey it");
  tunnel_app->require_subcommand(1);
  tunnel_app->fallthrough();
  constexpr const char* kVerbs[][2] = {
      {"up", "Negotiate now; does nothing if it is up"},
      {"down", "Delete its SAs and stay down until `up` or a reload"},
      {"rekey",
       "New keys for its child SA, without loss; with --ike for the IKE SA. Queued while another "
       "exchange is under way"}};
  for (const auto& verb : kVerbs) {
    CLI::App* sub = tunnel_app->add_subcommand(verb[0], verb[1]);
    sub->fallthrough();
    sub->add_option("name", args_.tunnel, "The tunnel's name in the configuration")->required();
    if (std::string(verb[0]) == "rekey")
      sub->add_flag("--ike", args_.is_ike, "Rekey the IKE SA instead of the child SA");
    sub->callback([this, name = std::string(verb[0])] { exit_ = tunnel(name); });
  }
}

// The conditions of a filter, as watch/filter_text.h reads them: this program links nothing else of
// the daemon, and a unit test holds the two together.
constexpr const char* kFilterFooter = R"(
Conditions of a filter, all of which must hold; none: every packet
  src PREFIX          the packet comes from there
  dst PREFIX          it goes there
  host PREFIX         one or the other
  proto NAME          tcp, udp, icmp, icmp6, esp, gre, sctp or a number
  sport PORT[-PORT]   its source port
  dport PORT[-PORT]   its destination port
  port PORT[-PORT]    one or the other
  spi HEX             of the ESP packet, or of the SA it came by or leaves by
  tunnel NAME         it came by or leaves by

Packets are looked at as they arrive, when they were decrypted, and when the gateway makes them:
addresses are those of the outer packet before decryption, of the inner one after it.)";

void Program::define_trace() {
  CLI::App* sub = app_.add_subcommand("trace",
                                      "Follow packets through the stages: what was decided, or why "
                                      "they were dropped");
  sub->fallthrough();
  sub->footer(kFilterFooter);
  sub->add_option("filter", args_.filter_words,
                  "Which packets, such as: dst 10.2.0.0/16 proto udp");
  sub->add_option("-n,--packets", args_.trace.packets, "Packets to follow")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  sub->add_option("--seconds", args_.trace.seconds, "How long to wait for them")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  sub->callback([this] { exit_ = trace_packets(); });
}

void Program::define_capture() {
  CLI::App* sub = app_.add_subcommand(
      "capture", "Write packets to a pcapng file: frames of ports, and what is inside tunnels");
  sub->fallthrough();
  sub->footer(kFilterFooter);
  CaptureOptions& o = args_.capture;
  sub->add_option("filter", args_.filter_words, "Which packets, such as: tunnel branch");
  sub->add_option("-w,--write", o.file, "The file, or - for standard output")->required();
  sub->add_option("-n,--packets", o.packets, "Packets at most")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  sub->add_option("--bytes", o.octets, "Octets of the file at most")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str();
  sub->add_option("--snap", o.snap, "Octets kept of a packet")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  sub->add_option("--seconds", o.seconds, "How long at most")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  sub->add_option("--export-keys", o.keys,
                  "Folder for the keys of the SAs, as Wireshark's configuration: esp_sa and "
                  "ikev2_decryption_table. Needs system.allow-key-export, root or the daemon's "
                  "user, and is logged");
  sub->callback([this] { exit_ = capture_packets(); });
}

void Program::define_offline() {
  CLI::App* validate_app =
      app_.add_subcommand("validate", "Print every problem of a configuration; needs no daemon");
  validate_app->fallthrough();
  validate_app->add_option("file", args_.file, "The configuration file")->required();
  validate_app->callback([this] { exit_ = validate(); });

  CLI::App* schema_app =
      app_.add_subcommand("schema", "Print the JSON Schema of the configuration");
  schema_app->add_flag("--markdown", args_.is_markdown, "The reference manual instead");
  schema_app->add_flag("--views", args_.is_views, "The API's views, in Markdown, instead");
  schema_app->callback([this] {
    out_ << (args_.is_views      ? api::views_markdown()
             : args_.is_markdown ? config::markdown_reference()
                                 : config::json_schema());
  });

  CLI::App* completion = app_.add_subcommand("completion", "Print a completion script for a shell");
  completion->require_subcommand(1);
  completion->add_subcommand("bash", "source <(kanmon completion bash)")->callback([this] {
    out_ << bash_completion(app_);
  });
}

Reply Program::ask(const std::string& method, const Json& params) {
  return call(args_.socket, method, params, std::chrono::seconds(args_.timeout_s));
}

// "file:line:column: error: key: text", as Problem::to_string() has it.
std::string problem_line(const Json& problem) {
  config::Problem p;
  p.file = problem.value("file", "");
  p.line = problem.value("line", 0u);
  p.column = problem.value("column", 0u);
  p.key = problem.value("key", "");
  p.text = problem.value("text", "");
  p.warning = problem.value("severity", "") == "warning";
  return log::printable(p.to_string(), 4096);
}

void print_problems(std::ostream& to, const Json& document, const char* key) {
  const auto list = document.find(key);
  if (list == document.end() || !list->is_array()) return;
  for (const Json& problem : *list)
    if (problem.is_object()) to << problem_line(problem) << "\n";
}

int Program::refused(const Reply& reply) {
  const bool is_refused = reply.kind == Reply::Kind::kRefused;
  if (args_.is_json && is_refused) {
    print_json({{"ok", false}, {"error", reply.error}});
  } else {
    if (is_refused && reply.error.is_object()) print_problems(err_, reply.error, "problems");
    err_ << "kanmon: " << log::printable(reply.message) << "\n";
  }
  return is_refused ? kFailed : kNoDaemon;
}

int Program::show_once(const api::View& view) {
  const bool is_routes = std::string_view(view.name) == "routes";
  return show_with(view, is_routes ? route_params() : Json::object());
}

int Program::show_with(const api::View& view, const Json& params) {
  const Reply reply = ask(std::string("show.") + view.name, params);
  if (reply.kind != Reply::Kind::kResult) return refused(reply);
  if (args_.is_json) {
    print_json(reply.result);
  } else {
    out_ << render(view, reply.result, args_.render);
  }
  return kOk;
}

int Program::show(const api::View& view) {
  int code = show_once(view);
  while (args_.watch_s != 0 && code == kOk && out_.good()) {
    std::this_thread::sleep_for(std::chrono::seconds(args_.watch_s));
    if (!args_.is_json) out_ << "\n";
    code = show_once(view);
    out_.flush();
  }
  return code;
}

BgpCommands Program::bgp_commands() {
  return {[this](const std::string& view, const Json& params) {
            exit_ = show_with(*api::find_view(view), params);
          },
          [this](const std::string& method, const Json& params, const std::string& done) {
            exit_ = call_and_say(method, params, done);
          }};
}

int Program::call_and_say(const std::string& method, const Json& params, const std::string& done) {
  const Reply reply = ask(method, params);
  if (reply.kind != Reply::Kind::kResult) return refused(reply);
  if (args_.is_json) {
    print_json(reply.result);
    return kOk;
  }
  const auto peers = reply.result.find("peers");
  out_ << done;
  if (peers != reply.result.end() && peers->is_number_unsigned())
    out_ << ": " << peers->get<uint64_t>() << (*peers == 1 ? " peer" : " peers");
  out_ << "\n";
  return kOk;
}

int Program::reload() {
  const Reply reply = ask("reload", Json::object());
  if (reply.kind != Reply::Kind::kResult) return refused(reply);
  if (args_.is_json) {
    print_json(reply.result);
    return kOk;
  }
  print_problems(err_, reply.result, "problems");
  const auto changes = reply.result.find("changes");
  if (changes == reply.result.end() || !changes->is_array() || changes->empty()) {
    out_ << "reloaded: nothing changed\n";
    return kOk;
  }
  out_ << "reloaded: " << changes->size() << (changes->size() == 1 ? " change\n" : " changes\n");
  for (const Json& change : *changes)
    if (change.is_string()) out_ << "  " << log::printable(change.get<std::string>(), 4096) << "\n";
  return kOk;
}

int Program::tunnel(const std::string& verb) {
  Json params = {{"name", args_.tunnel}};
  if (verb == "rekey") params["ike"] = args_.is_ike;
  const Reply reply = ask("tunnel." + verb, params);
  if (reply.kind != Reply::Kind::kResult) return refused(reply);
  if (args_.is_json) {
    print_json(reply.result);
  } else {
    const std::string state = api::text_param(reply.result, "state");
    const auto queued = reply.result.find("queued");
    const bool waits = queued != reply.result.end() && queued->is_boolean() && queued->get<bool>();
    out_ << "tunnel " << args_.tunnel << ": " << verb << (waits ? " queued" : " started")
         << (state.empty() ? "" : ", now " + log::printable(state)) << "\n";
  }
  return kOk;
}

std::string Program::filter() const {
  std::string text;
  for (const std::string& word : args_.filter_words) text += (text.empty() ? "" : " ") + word;
  return text;
}

int Program::capture_packets() {
  args_.capture.filter = filter();
  const auto once = [this](const std::string& method, const Json& params) {
    return ask(method, params);
  };
  const Reply reply = capture(args_.capture, once, out_, err_);
  return reply.kind == Reply::Kind::kResult ? kOk : refused(reply);
}

int Program::trace_packets() {
  args_.trace.filter = filter();
  args_.trace.is_json = args_.is_json;
  const auto once = [this](const std::string& method, const Json& params) {
    return ask(method, params);
  };
  const Reply reply = trace(args_.trace, once, out_, err_);
  return reply.kind == Reply::Kind::kResult ? kOk : refused(reply);
}

int Program::validate() {
  const config::Loaded loaded = config::load_file(args_.file);
  Json problems = Json::array();
  std::size_t warnings = 0;
  for (const auto& p : loaded.problems) {
    problems.push_back(api::to_json(p));
    warnings += p.warning ? 1 : 0;
    if (!args_.is_json) err_ << p.to_string() << "\n";
  }
  const bool ok = loaded.config.has_value();
  const std::size_t errors = loaded.problems.size() - warnings;
  const auto outages = ok ? config::outage_lines(*loaded.config) : std::vector<std::string>{};
  if (args_.is_json) {
    print_json(
        {{"file", args_.file}, {"ok", ok}, {"problems", problems}, {"worst_outages", outages}});
  } else {
    out_ << args_.file << ": " << (ok ? "good" : "not usable") << ", " << errors
         << (errors == 1 ? " error, " : " errors, ") << warnings
         << (warnings == 1 ? " warning\n" : " warnings\n");
    for (const std::string& line : outages) out_ << line << "\n";
  }
  return ok ? kOk : kFailed;
}

// The command that was entered last on the command line: `show` of `kanmon show tunels`.
const CLI::App& Program::innermost() const {
  const CLI::App* app = &app_;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return *app;
}

std::vector<std::string_view> Program::commands() const {
  std::vector<std::string_view> names;
  for (const CLI::App* sub : innermost().get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

// The first word left over where a command was expected; empty if that is not what is wrong.
std::string Program::unknown_command() const {
  if (commands().empty()) return {};
  for (const std::string& word : app_.remaining(true))
    if (!word.empty() && word.front() != '-') return word;
  return {};
}

int Program::run(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
    out_.flush();
    return exit_;
  } catch (const CLI::ParseError& e) {
    const std::string word = unknown_command();
    if (e.get_exit_code() == 0 || word.empty()) return app_.exit(e, out_, err_) == 0 ? kOk : kUsage;
    err_ << "kanmon: there is no command \"" << log::printable(word, 64) << "\""
         << config::did_you_mean(word, commands()) << "\n";
    return kUsage;
  } catch (const std::exception& e) {
    err_ << "kanmon: " << e.what() << "\n";
    return kFailed;
  }
}

}  // namespace

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  return Program(out, err).run(argc, argv);
}

}  // namespace kanmon::cli
