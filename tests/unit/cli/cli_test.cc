// The command line: tables from fixed documents, exit codes, and every command against a server.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/api/reload.h"
#include "control/api/server.h"
#include "control/cli/commands.h"
#include "control/cli/key_files.h"
#include "control/cli/render.h"

namespace kanmon::cli {
namespace {

const api::View& view(const char* name) {
  const api::View* v = api::find_view(name);
  EXPECT_NE(v, nullptr) << name;
  return *v;
}

TEST(Render, Numbers) {
  EXPECT_EQ(with_separators(0), "0");
  EXPECT_EQ(with_separators(999), "999");
  EXPECT_EQ(with_separators(1000), "1,000");
  EXPECT_EQ(with_separators(1234567), "1,234,567");
  EXPECT_EQ(with_separators(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(short_bytes(0), "0");
  EXPECT_EQ(short_bytes(999), "999");
  EXPECT_EQ(short_bytes(1000), "1.0K");
  EXPECT_EQ(short_bytes(999'949), "999.9K");
  EXPECT_EQ(short_bytes(999'951), "1.0M");
  EXPECT_EQ(short_bytes(UINT64_MAX), "18.4E");
  EXPECT_EQ(short_age(0), "0s");
  EXPECT_EQ(short_age(59.9), "59s");
  EXPECT_EQ(short_age(60), "1m00s");
  EXPECT_EQ(short_age(3599), "59m59s");
  EXPECT_EQ(short_age(3600), "1h00m");
  EXPECT_EQ(short_age(86'399), "23h59m");
  EXPECT_EQ(short_age(183'600), "2d03h");
  EXPECT_EQ(short_age(-1), "-");
}

TEST(Render, StagesDearestFirst) {
  const Json document = {{"stages",
                          {{{"stage", "rx"},
                            {"bursts", 1640113},
                            {"packets", 50714986},
                            {"packets_per_burst", 30.92},
                            {"cycles_per_packet", 29.2},
                            {"drops", 0},
                            {"worst_drop", nullptr}},
                           {{"stage", "decrypt"},
                            {"bursts", 812044},
                            {"packets", 25410882},
                            {"packets_per_burst", 31.29},
                            {"cycles_per_packet", 214.6},
                            {"drops", 4131},
                            {"worst_drop", "decrypt.replayed 4,120"}}}}};
  EXPECT_EQ(render(view("stages"), document, {}),
            "STAGE       BURSTS     PACKETS  PKT/BURST  CYC/PKT  DROPS  WORST DROP\n"
            "decrypt    812,044  25,410,882       31.3    214.6  4,131  decrypt.replayed 4,120\n"
            "rx       1,640,113  50,714,986       30.9     29.2      0  -\n");
}

TEST(Render, DropsWithTotals) {
  const Json document = {
      {"drops",
       {{{"drop", "route.no_route"}, {"packets", 7}, {"per_worker", {3, 4}}, {"help", "no prefix"}},
        {{"drop", "decrypt.replayed"},
         {"packets", 4120},
         {"per_worker", {4120, 0}},
         {"help", "seen before"}}}},
      {"totals",
       {{"received", 10'000},
        {"injected", 1},
        {"generated", 0},
        {"transmitted", 5870},
        {"punted", 4},
        {"dropped", 4127},
        {"in_flight", 0},
        {"dropped_early", 93}}}};
  EXPECT_EQ(render(view("drops"), document, {}),
            "DROP              PACKETS  PER WORKER  MEANING\n"
            "decrypt.replayed    4,120  4,120 0     seen before\n"
            "route.no_route          7  3 4         no prefix\n"
            "\n"
            "received       10,000\n"
            "injected            1\n"
            "generated           0\n"
            "transmitted     5,870\n"
            "punted              4\n"
            "dropped         4,127\n"
            "in flight           0\n"
            "dropped early      93\n"
            "mtu believed        -\n"
            "mtu ignored         -\n");
}

Json tunnel(const char* name, const char* state) {
  return {{"tunnel", name},       {"state", state},   {"local", "192.0.2.1:500"},
          {"remote", nullptr},    {"peer_id", name},  {"udp_encap", false},
          {"ike_age_s", 183'600}, {"children", 1},    {"packets_in", 1000},
          {"packets_out", 0},     {"bytes_in", 1536}, {"bytes_out", 0},
          {"reason", nullptr}};
}

TEST(Render, TunnelsThatAreNotUpFirst) {
  const Json document = {
      {"tunnels", {tunnel("a", "up"), tunnel("c", "waiting"), tunnel("b", "up")}}};
  EXPECT_EQ(
      render(view("tunnels"), document, {}),
      "TUNNEL  STATE    LOCAL          REMOTE  PEER ID  UDP  IKE AGE  CHILDREN  PKT IN  PKT OUT  "
      "B IN  B OUT  REASON\n"
      "c       waiting  192.0.2.1:500  -       c        no     2d03h         1   1,000        0  "
      "1.5K      0  -\n"
      "a       up       192.0.2.1:500  -       a        no     2d03h         1   1,000        0  "
      "1.5K      0  -\n"
      "b       up       192.0.2.1:500  -       b        no     2d03h         1   1,000        0  "
      "1.5K      0  -\n");
  RenderOptions options;
  options.only = "b";
  options.is_exact = true;
  options.is_wide = true;
  const std::string one = render(view("tunnels"), document, options);
  EXPECT_EQ(one.find("waiting"), std::string::npos);
  EXPECT_NE(one.find(" 1,536 "), std::string::npos);
  EXPECT_NE(one.find("IKE SPI I"), std::string::npos);
}

TEST(Render, VersionAsPairs) {
  const Json document = {{"version", "0.1.0"}, {"dpdk", "22.11.5"}, {"uptime_s", 61}};
  EXPECT_EQ(render(view("version"), document, {}),
            "version      0.1.0\n"
            "name         -\n"
            "dpdk         22.11.5\n"
            "ipsec-mb     -\n"
            "openssl      -\n"
            "isa          -\n"
            "crypto       -\n"
            "uptime       1m01s\n"
            "config file  -\n");
}

// A daemon of another version may answer with other shapes: every view prints something.
TEST(Render, WrongShapesAreNotFatal) {
  const char* const documents[] = {
      "null",
      "[]",
      "3",
      "\"x\"",
      "{}",
      R"({"NAME":3})",
      R"({"NAME":[null,1,"x",[],{}]})",
      R"({"NAME":[{"tunnel":1,"packets":"x","bytes":-5}],"totals":[]})"};
  for (const api::View& v : api::views()) {
    for (std::string text : documents) {
      const auto at = text.find("NAME");
      if (at != std::string::npos) text.replace(at, 4, v.name);
      RenderOptions wide;
      wide.is_wide = true;
      EXPECT_FALSE(render(v, Json::parse(text), wide).empty()) << v.name << " " << text;
    }
  }
}

// A peer chooses its identity; the terminal must not obey it.
TEST(Render, TextFromPeersIsMadeHarmless) {
  Json row = tunnel("a", "up");
  row["peer_id"] = "\x1b[2Jevil\r\nup";
  const std::string out = render(view("tunnels"), {{"tunnels", {row}}}, {});
  EXPECT_EQ(out.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
}

// A daemon's API without a daemon, on a thread of its own.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/kanmon-cli-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    define();
    api::ServerOptions options;
    options.path = folder_ + "/api.sock";
    server_ = std::make_unique<api::Server>(io_, dispatcher_, options);
    ASSERT_EQ(server_->start(), "");
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    asio::post(io_, [this] { server_->stop(); });
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  void define() {
    using api::Answer;
    using api::Refusal;
    dispatcher_.add("show.tunnels", [](const Json&) {
      return Answer::of({{"tunnels", {tunnel("branch", "up")}}});
    });
    dispatcher_.add("show.routes", [this](const Json& params) {
      asked_ = params;
      return Answer::of({{"routes", Json::array()}, {"totals", {{"next", "main 10.1.0.0/24"}}}});
    });
    dispatcher_.add("reload", [this](const Json&) { return reload_; });
    dispatcher_.add("tunnel.rekey", [](const Json& params) {
      const std::string name = api::text_param(params, "name");
      if (name != "branch") return Answer::refuse(Refusal::kNotFound, "there is no tunnel " + name);
      return Answer::of({{"tunnel", name},
                         {"state", params["ike"] == true ? "ike" : "child"},
                         {"queued", params["ike"] == true}});
    });
  }
  int kanmon(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "kanmon");
    const std::string socket = "--socket=" + folder_ + "/api.sock";
    arguments.push_back(socket.c_str());
    out_.str("");
    err_.str("");
    return run(static_cast<int>(arguments.size()), arguments.data(), out_, err_);
  }

  std::string folder_;
  asio::io_context io_;
  api::Dispatcher dispatcher_;
  api::Answer reload_ = api::Answer::of({{"changes", Json::array()}});
  std::unique_ptr<api::Server> server_;
  std::thread thread_;
  std::ostringstream out_, err_;
  Json asked_;  // of show.routes, at last
};

TEST_F(CliTest, ShowAsTableAndAsJson) {
  EXPECT_EQ(kanmon({"show", "tunnels"}), kOk) << err_.str();
  EXPECT_EQ(out_.str().substr(0, 6), "TUNNEL");
  EXPECT_EQ(kanmon({"--json", "show", "tunnels"}), kOk);
  EXPECT_EQ(Json::parse(out_.str())["tunnels"][0]["tunnel"], "branch");
  EXPECT_EQ(kanmon({"show", "tunnels", "--json"}), kOk);  // after the command, too
  EXPECT_EQ(out_.str()[0], '{');
}

TEST_F(CliTest, RoutesByTablePrefixOrAddress) {
  EXPECT_EQ(kanmon({"show", "routes"}), kOk) << err_.str();
  EXPECT_EQ(asked_, (Json{{"limit", 1000}}));
  EXPECT_NE(out_.str().find("main 10.1.0.0/24"), std::string::npos) << "there is more";
  EXPECT_EQ(kanmon({"show", "routes", "main"}), kOk);
  EXPECT_EQ(asked_["table"], "main");
  EXPECT_EQ(kanmon({"show", "routes", "--table", "main", "10.0.0.0/8"}), kOk);
  EXPECT_EQ(asked_["table"], "main");
  EXPECT_EQ(asked_["prefix"], "10.0.0.0/8");
  EXPECT_FALSE(asked_.contains("address"));
  EXPECT_EQ(kanmon({"show", "routes", "2001:db8::1", "--limit", "5", "--after", "a 10.0.0.0/8"}),
            kOk);
  EXPECT_EQ(asked_["address"], "2001:db8::1");
  EXPECT_EQ(asked_["limit"], 5);
  EXPECT_EQ(asked_["after"], "a 10.0.0.0/8");
  EXPECT_EQ(kanmon({"show", "routes", "--limit", "0"}), kUsage);
}

TEST_F(CliTest, RefusalsGoToStandardError) {
  EXPECT_EQ(kanmon({"tunnel", "rekey", "nobody"}), kFailed);
  EXPECT_EQ(err_.str(), "kanmon: there is no tunnel nobody\n");
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(kanmon({"--json", "tunnel", "rekey", "nobody"}), kFailed);
  EXPECT_EQ(Json::parse(out_.str())["error"]["code"], "not-found");
  EXPECT_EQ(kanmon({"show", "sas"}), kFailed);  // this daemon has no such method
}

TEST_F(CliTest, TunnelCommands) {
  EXPECT_EQ(kanmon({"tunnel", "rekey", "branch"}), kOk) << err_.str();
  EXPECT_EQ(out_.str(), "tunnel branch: rekey started, now child\n");
  EXPECT_EQ(kanmon({"tunnel", "rekey", "branch", "--ike"}), kOk);
  EXPECT_EQ(out_.str(), "tunnel branch: rekey queued, now ike\n");
}

TEST_F(CliTest, ReloadSaysWhatChanged) {
  EXPECT_EQ(kanmon({"reload"}), kOk);
  EXPECT_EQ(out_.str(), "reloaded: nothing changed\n");
  reload_ = api::reload_done({{"system.workers", "1", "2"}}, {});
  EXPECT_EQ(kanmon({"reload"}), kOk);
  EXPECT_EQ(out_.str(), "reloaded: 1 change\n  system.workers: 1 -> 2\n");
}

TEST_F(CliTest, ReloadPrintsEveryProblem) {
  const config::Loaded loaded = config::load_file("tests/unit/config/ten-mistakes.yaml");
  reload_ = api::reload_refused(loaded);
  EXPECT_EQ(kanmon({"reload"}), kFailed);
  const std::string text = err_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 11);
  EXPECT_NE(text.find("kanmon: 10 errors; nothing has changed\n"), std::string::npos) << text;
  for (const auto& p : loaded.problems)
    EXPECT_NE(text.find(p.to_string()), std::string::npos) << p.to_string();
}

class KeyFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/kanmon-keys-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static mode_t mode(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }
  static std::string text(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder_;
  const Json keys_ = {{"esp_sa", "e\n"}, {"ikev2_decryption_table", "i\n"}};
};

TEST_F(KeyFilesTest, AreForTheirOwnerAlone) {
  const mode_t before = umask(0);
  const std::string keys = folder_ + "/keys";
  {
    KeyFiles files;
    ASSERT_EQ(files.make(keys), "");
    EXPECT_EQ(mode(keys), 0700u);
    EXPECT_EQ(mode(keys + "/esp_sa"), 0600u);
    EXPECT_EQ(mode(keys + "/ikev2_decryption_table"), 0600u);
    EXPECT_EQ(files.write(keys_), "");
  }
  umask(before);
  EXPECT_EQ(text(keys + "/esp_sa"), "e\n");
  EXPECT_EQ(text(keys + "/ikev2_decryption_table"), "i\n");
}

TEST_F(KeyFilesTest, NeverGoIntoAFileThatIsThere) {
  std::ofstream(folder_ + "/victim") << "mine";
  ASSERT_EQ(symlink((folder_ + "/victim").c_str(), (folder_ + "/esp_sa").c_str()), 0);
  KeyFiles files;
  EXPECT_NE(files.make(folder_).find("esp_sa"), std::string::npos);
  EXPECT_EQ(text(folder_ + "/victim"), "mine");

  std::filesystem::remove(folder_ + "/esp_sa");
  std::ofstream(folder_ + "/ikev2_decryption_table") << "old";
  {
    KeyFiles more;
    EXPECT_NE(more.make(folder_).find("ikev2_decryption_table"), std::string::npos);
  }
  EXPECT_EQ(text(folder_ + "/ikev2_decryption_table"), "old");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/esp_sa")) << "nothing was written to it";
}

TEST_F(KeyFilesTest, LeaveNothingWithoutKeys) {
  for (const Json& none : {Json(), Json{{"refused", "not to this caller"}}}) {
    KeyFiles files;
    ASSERT_EQ(files.make(folder_), "");
    EXPECT_NE(files.write(none), "");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST(Cli, NoDaemon) {
  std::ostringstream out, err;
  const char* arguments[] = {"kanmon", "--socket", "/nonexistent/api.sock", "show", "ports"};
  EXPECT_EQ(run(5, arguments, out, err), kNoDaemon);
  EXPECT_NE(err.str().find("is kanmond running?"), std::string::npos);
}

TEST(Cli, UsageAndHelp) {
  std::ostringstream out, err;
  const auto exit_of = [&](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "kanmon");
    return run(static_cast<int>(arguments.size()), arguments.data(), out, err);
  };
  EXPECT_EQ(exit_of({}), kUsage);
  EXPECT_EQ(exit_of({"dance"}), kUsage);
  EXPECT_NE(err.str().find("dance"), std::string::npos) << err.str();
  EXPECT_EQ(exit_of({"show", "dances"}), kUsage);
  EXPECT_EQ(exit_of({"tunnel", "up"}), kUsage);
  EXPECT_EQ(exit_of({"validate"}), kUsage);
  EXPECT_EQ(exit_of({"show", "ports", "--watch", "0"}), kUsage);
  EXPECT_EQ(exit_of({"--help"}), kOk);
  EXPECT_NE(out.str().find("Exit codes"), std::string::npos);
  EXPECT_EQ(exit_of({"show", "tunnels", "--help"}), kOk);
  EXPECT_EQ(exit_of({"--version"}), kOk);
  EXPECT_NE(out.str().find(KANMON_VERSION), std::string::npos);
}

TEST(Cli, Validate) {
  std::ostringstream out, err;
  const char* bad[] = {"kanmon", "validate", "tests/unit/config/ten-mistakes.yaml"};
  EXPECT_EQ(run(3, bad, out, err), kFailed);
  EXPECT_EQ(out.str(), "tests/unit/config/ten-mistakes.yaml: not usable, 10 errors, 0 warnings\n");
  const std::string text = err.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
  out.str("");
  const char* json[] = {"kanmon", "--json", "validate", "tests/unit/config/ten-mistakes.yaml"};
  EXPECT_EQ(run(4, json, out, err), kFailed);
  const Json document = Json::parse(out.str());
  EXPECT_EQ(document["ok"], false);
  EXPECT_EQ(document["problems"].size(), 10u);
}

TEST(Cli, CompletionKnowsEveryCommand) {
  std::ostringstream out, err;
  const char* arguments[] = {"kanmon", "completion", "bash"};
  EXPECT_EQ(run(3, arguments, out, err), kOk);
  for (const api::View& v : api::views())
    EXPECT_NE(out.str().find(std::string("/show/") + v.name), std::string::npos);
}

}  // namespace
}  // namespace kanmon::cli
