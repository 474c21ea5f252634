// kanmond: the gateway daemon. Reads the configuration, starts the gateway, turns it until told to
// stop. `kanmon` is the tool that talks to it.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <unistd.h>

#include "control/api/dispatcher.h"
#include "control/api/server.h"
#include "control/config/changes.h"
#include "control/config/config.h"
#include "control/daemon/gateway.h"
#include "control/daemon/handlers.h"
#include "control/daemon/process.h"
#include "control/log/log.h"

namespace kanmon {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kIdlePause = 1ms;   // between turns when there was nothing to do
constexpr auto kTickEvery = 10ms;  // timers need no finer grain
constexpr auto kFarewell = 3s;     // how long peers have to acknowledge our deletes

struct Arguments {
  std::string config;
  bool check = false;
};

log::Options log_options(const config::System& system) {
  constexpr log::Level kLevels[] = {log::Level::kDebug, log::Level::kInfo, log::Level::kWarning,
                                    log::Level::kError};
  log::Options options;
  options.format =
      system.log_format == config::LogFormat::kJson ? log::Format::kJson : log::Format::kKeyValue;
  options.level = kLevels[static_cast<uint8_t>(system.log_level)];
  return options;
}

void print(const std::vector<config::Problem>& problems) {
  for (const auto& p : problems) std::fprintf(stderr, "%s\n", p.to_string().c_str());
}

// The daemon's event loop: everything happens on the one thread that calls run().
class Daemon {
 public:
  Daemon(Arguments arguments, std::unique_ptr<daemon::Gateway> gateway)
      : arguments_(std::move(arguments)),
        gateway_(std::move(gateway)),
        server_(io_, dispatcher_, {.path = gateway_->config().system.api_socket}),
        turn_timer_(io_),
        signals_(io_, SIGHUP, SIGTERM, SIGINT) {
    daemon::add_handlers(dispatcher_, *gateway_, [this] { return reload(); });
  }

  int run() {
    const std::string why = server_.start();
    if (!why.empty()) {
      std::fprintf(stderr, "API socket: %s\n", why.c_str());
      return 1;
    }
    wait_for_signal();
    turn();
    log::info("system", "ready", {{"name", gateway_->config().system.name}});
    io_.run();
    log::info("system", "stopped", {});
    return 0;
  }

 private:
  void turn() {
    const auto now = Clock::now();
    const bool busy = gateway_->poll(now);
    if (now >= next_tick_) {
      next_tick_ = now + kTickEvery;
      gateway_->tick(now);
    }
    if (stopping_ && (gateway_->quiet() || now >= stop_deadline_)) return finish();
    if (busy) return asio::post(io_, [this] { turn(); });
    turn_timer_.expires_after(kIdlePause);
    turn_timer_.async_wait([this](const asio::error_code& e) {
      if (!e) turn();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const asio::error_code& e, int signal) {
      if (e) return;
      if (signal == SIGHUP) {
        (void)reload();
      } else {
        begin_stop();
      }
      wait_for_signal();
    });
  }

  // The second signal does not wait for the peers.
  void begin_stop() {
    log::info("system", "stopping", {});
    if (stopping_) stop_deadline_ = Clock::now();
    if (stopping_) return;
    stopping_ = true;
    stop_deadline_ = Clock::now() + kFarewell;
    gateway_->shut_down(Clock::now());
  }

  void finish() {
    server_.stop();
    signals_.cancel();
    gateway_.reset();
    io_.stop();
  }

  api::Answer reload() {
    auto loaded = config::load_file(arguments_.config);
    if (!loaded.config) return refuse(std::move(loaded.problems));
    const auto changes = config::changes_between(gateway_->config(), *loaded.config);
    auto result = gateway_->reload(Clock::now(), std::move(*loaded.config));
    if (!result.ok) return refuse(std::move(result.problems));
    log::start(log_options(gateway_->config().system));
    api::Json list = api::Json::array();
    for (const auto& change : changes) list.push_back(change.to_string());
    log::info("config", "reloaded", {{"changes", std::to_string(changes.size())}});
    api::Json problems = api::Json::array();
    for (const auto& problem : loaded.problems) problems.push_back(api::to_json(problem));
    return api::Answer::of({{"changes", list}, {"warnings", problems}});
  }

  // INV-10: what runs goes on running.
  api::Answer refuse(std::vector<config::Problem> problems) {
    for (const auto& p : problems) log::error("config", "refused", {{"problem", p.to_string()}});
    return api::Answer::refuse(api::Refusal::kInvalidConfig,
                               "the configuration was refused; the running one is unchanged",
                               std::move(problems));
  }

  Arguments arguments_;
  asio::io_context io_{1};
  std::unique_ptr<daemon::Gateway> gateway_;
  api::Dispatcher dispatcher_;
  api::Server server_;
  asio::steady_timer turn_timer_;
  asio::signal_set signals_;
  Clock::time_point next_tick_{};
  Clock::time_point stop_deadline_{};
  bool stopping_ = false;
};

int run(const Arguments& arguments) {
  auto loaded = config::load_file(arguments.config);
  print(loaded.problems);
  if (!loaded.config) return 1;
  if (arguments.check) {
    std::printf("%s: ok\n", arguments.config.c_str());
    return 0;
  }
  daemon::harden_process();
  daemon::raise_file_limit();
  log::start(log_options(loaded.config->system));
  std::vector<config::Problem> problems;
  auto gateway = daemon::Gateway::start(std::move(*loaded.config), arguments.config, problems);
  for (auto& p : problems) p.file = p.file.empty() ? arguments.config : p.file;
  print(problems);
  if (gateway == nullptr) return 1;
  const int status = Daemon(arguments, std::move(gateway)).run();
  log::stop();
  return status;
}

}  // namespace
}  // namespace kanmon

int main(int argc, char** argv) {
  kanmon::Arguments arguments;
  CLI::App app{
      "kanmond, the Kanmon gateway daemon.\n"
      "\n"
      "Reads its configuration, opens the ports, brings the tunnels up and forwards packets until\n"
      "it is told to stop. Talk to it with `kanmon`.\n"};
  app.add_option("-c,--config", arguments.config, "Configuration file (YAML)")
      ->default_val("/etc/kanmon/kanmon.yaml");
  app.add_flag("--check", arguments.check, "Check the configuration, print all problems, and exit");
  app.set_version_flag("--version", "kanmond " KANMON_VERSION);
  app.footer(
      "Signals:\n"
      "  SIGHUP           read the configuration again; a bad one changes nothing\n"
      "  SIGTERM, SIGINT  send deletes to all peers, close the ports, exit; twice: at once\n"
      "\n"
      "Exit status: 0 after a clean stop (or --check without errors), 1 if the configuration or\n"
      "the start fails, 2 for wrong usage.\n"
      "\n"
      "Logs go to standard error, one line an event.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return kanmon::run(arguments);
}
