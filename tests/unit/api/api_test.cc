// The API without and with its socket: limits, hostile input, callers, stale files (hardening 12).
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>

#include <asio/connect.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/api/dispatcher.h"
#include "control/api/server.h"
#include "control/api/views.h"

namespace kanmon::api {
namespace {

using namespace std::chrono_literals;
using asio::local::stream_protocol;

Dispatcher echo() {
  Dispatcher d;
  d.add("echo", [](const Json& params) { return Answer::of(params); });
  d.add("throw", [](const Json&) -> Answer { throw std::runtime_error("broken\n"); });
  d.add("refuse", [](const Json&) {
    config::Problem p;
    p.file = "gw.yaml";
    p.line = 3;
    p.key = "system.workers";
    p.text = "found \"x\"";
    return Answer::refuse(Refusal::kInvalidConfig, "1 problem", {p});
  });
  d.add("latin1", [](const Json&) { return Answer::of({{"peer", "\xe9\xff"}}); });
  return d;
}

struct Row {
  const char* what;
  std::string request;
  std::string code;  // empty: ok
};

// A request whose params hold `depth` lists in each other: two levels more in all.
std::string nested(std::size_t depth) {
  return R"({"method":"echo","params":{"a":)" + std::string(depth, '[') + std::string(depth, ']') +
         "}}";
}

TEST(Dispatcher, AnswersEverything) {
  const Dispatcher d = echo();
  const std::string deep = R"({"method":"echo","params":{"a":)" + std::string(100'000, '[');
  const Row rows[] = {
      {"plain", R"({"method":"echo","params":{"a":1}})", ""},
      {"no params", R"({"method":"echo"})", ""},
      {"brackets in text", R"({"method":"echo","params":{"a":"[[[[[[[[[[[[[[[[[[[[\"[[[["}})", ""},
      {"empty", "", "bad-request"},
      {"not JSON", "show tunnels", "bad-request"},
      {"array", "[]", "bad-request"},
      {"no method", "{}", "bad-request"},
      {"method is a number", R"({"method":1})", "bad-request"},
      {"params are a list", R"({"method":"echo","params":[]})", "bad-request"},
      {"unknown", R"({"method":"show.keys"})", "unknown-method"},
      {"too deep", deep, "bad-request"},
      {"as deep as allowed", nested(14), ""},
      {"one deeper", nested(15), "bad-request"},
      {"too large", R"({"method":"echo","params":{"a":")" + std::string(1 << 20, 'x') + "\"}}",
       "bad-request"},
      {"not UTF-8", "{\"method\":\"\xff\"}", "bad-request"},
      {"handler throws", R"({"method":"throw"})", "internal"},
      {"refused", R"({"method":"refuse"})", "invalid-config"},
      {"answer is not UTF-8", R"({"method":"latin1"})", ""},
      {"zero octet", std::string("{\"method\":\"e\0cho\"}", 18), "bad-request"},
      {"huge number", R"({"method":"echo","params":{"a":1e999}})", "bad-request"},
  };
  for (const Row& row : rows) {
    const std::string line = d.answer(row.request);
    EXPECT_EQ(line.find('\n'), std::string::npos) << row.what;
    const Json answer = Json::parse(line, nullptr, false);
    ASSERT_TRUE(answer.is_object()) << row.what << ": " << line;
    EXPECT_EQ(answer["ok"].get<bool>(), row.code.empty()) << row.what << ": " << line;
    if (!row.code.empty()) {
      EXPECT_EQ(answer["error"]["code"], row.code) << row.what;
    }
  }
}

TEST(Dispatcher, RefusalCarriesProblems) {
  EXPECT_EQ(echo().answer(R"({"method":"refuse"})"),
            R"({"ok":false,"error":{"code":"invalid-config","message":"1 problem","problems":[)"
            R"({"file":"gw.yaml","line":3,"column":0,"key":"system.workers","text":"found \"x\"",)"
            R"("severity":"error"}]}})");
}

// INV-9: a member of the group may use the API, and is given no key.
TEST(Callers, KeysForRootAndTheOwnUserOnly) {
  EXPECT_TRUE(may_have_keys({0, 0, {}, 1}, 1000));
  EXPECT_TRUE(may_have_keys({1000, 1000, {}, 1}, 1000));
  EXPECT_FALSE(may_have_keys({1001, 1000, {0, 1000}, 1}, 1000));
  EXPECT_FALSE(may_have_keys({}, 1000));
}

TEST(Dispatcher, TellsWhoAsks) {
  Dispatcher d;
  d.add_for_caller("who", [](const Json&, const Caller& caller) {
    return Answer::of({{"uid", caller.uid}, {"pid", caller.pid}});
  });
  EXPECT_EQ(d.answer(R"({"method":"who"})", {7, 8, {}, 9}),
            R"({"ok":true,"result":{"uid":7,"pid":9}})");
  EXPECT_NE(d.answer(R"({"method":"who"})").find("4294967295"), std::string::npos)
      << "who is not known is nobody, least of all root";
}

TEST(Callers, RootOwnUserAndGroup) {
  const Caller root{0, 0, {}}, self{1000, 1000, {}}, other{1001, 1001, {27, 900}},
      gid{1002, 900, {}};
  EXPECT_TRUE(may_call(root, 1000, {}));
  EXPECT_TRUE(may_call(self, 1000, {}));
  EXPECT_FALSE(may_call(other, 1000, {}));
  EXPECT_TRUE(may_call(other, 1000, 900));
  EXPECT_TRUE(may_call(gid, 1000, 900));
  EXPECT_FALSE(may_call(other, 1000, 901));
}

// The tables are the interface: keys are unique, in snake_case, and sorting names columns.
TEST(Views, AreConsistent) {
  for (const View& view : views()) {
    std::set<std::string> keys;
    for (const Column& c : view.columns) {
      EXPECT_TRUE(keys.insert(c.key).second) << view.name << "." << c.key;
      EXPECT_EQ(std::string(c.key).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
                std::string::npos)
          << c.key;
      if (c.format == Format::kAge) {
        EXPECT_TRUE(std::string(c.key).ends_with("_s")) << c.key;
      }
    }
    for (const SortKey& s : view.sort) EXPECT_TRUE(keys.count(s.key)) << view.name << "." << s.key;
  }
}

TEST(Views, TheManualIsCurrent) {
  std::ifstream in("docs/api.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find(views_markdown()), std::string::npos)
      << "the part below \"## Views\" is made by: kanmon schema --views";
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/kanmon-api-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    options_.path = folder_ + "/run/api.sock";
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string start() {
    server_ = std::make_unique<Server>(io_, dispatcher_, options_);
    return server_->start();
  }
  stream_protocol::socket connect() {
    stream_protocol::socket s(client_io_);
    asio::error_code error;
    s.connect(stream_protocol::endpoint(options_.path), error);
    EXPECT_FALSE(error) << error.message();
    return s;
  }
  // Runs the server until `done` or two seconds have passed.
  void serve_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 2s;
    while (!done() && std::chrono::steady_clock::now() < deadline) io_.run_one_for(20ms);
  }
  static bool readable(stream_protocol::socket& s) {
    char c;
    const ssize_t n = recv(s.native_handle(), &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || errno != EAGAIN;
  }
  // All lines until the server closes.
  std::string read_line(stream_protocol::socket& s) {
    serve_until([&] { return readable(s); });
    std::string line;
    asio::error_code error;
    s.non_blocking(false);
    asio::read_until(s, asio::dynamic_buffer(line), '\n', error);
    return line;
  }

  std::string folder_;
  asio::io_context io_, client_io_;
  Dispatcher dispatcher_ = echo();
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersLineByLine) {
  ASSERT_EQ(start(), "");
  struct stat status {};
  ASSERT_EQ(stat(options_.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
  auto s = connect();
  asio::write(s, asio::buffer(std::string("{\"method\":\"echo\",\"params\":{\"n\":1}}\n{\"met")));
  EXPECT_EQ(read_line(s), "{\"ok\":true,\"result\":{\"n\":1}}\n");
  asio::write(s, asio::buffer(std::string("hod\":\"echo\"}\n")));
  EXPECT_EQ(read_line(s), "{\"ok\":true,\"result\":{}}\n");
  EXPECT_EQ(server_->counters().requests, 2u);
}

TEST_F(ServerTest, RequestWithoutEndIsRefused) {
  ASSERT_EQ(start(), "");
  auto s = connect();
  s.non_blocking(true);
  const std::string flood(256 * 1024, 'x');
  std::size_t sent = 0;
  serve_until([&] {
    asio::error_code error;
    sent += s.write_some(asio::buffer(flood), error);
    return server_->counters().oversized != 0;
  });
  EXPECT_EQ(server_->counters().oversized, 1u);
  EXPECT_NE(read_line(s).find("larger than 1 MiB"), std::string::npos);
}

TEST_F(ServerTest, TooManyClients) {
  options_.clients = 2;
  ASSERT_EQ(start(), "");
  auto a = connect();
  auto b = connect();
  auto c = connect();
  EXPECT_NE(read_line(c).find("\"busy\""), std::string::npos);
  a.close();
  serve_until([&] { return server_->counters().accepted == 3; });
  for (int i = 0; i < 5; ++i) io_.run_one_for(10ms);
  auto d = connect();
  asio::write(d, asio::buffer(std::string("{\"method\":\"echo\"}\n")));
  EXPECT_EQ(read_line(d), "{\"ok\":true,\"result\":{}}\n");
}

TEST_F(ServerTest, IdleClientIsClosed) {
  options_.idle_timeout = 30ms;
  ASSERT_EQ(start(), "");
  auto s = connect();
  serve_until([&] { return readable(s); });
  char c;
  EXPECT_EQ(recv(s.native_handle(), &c, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(server_->counters().timeouts, 1u);
}

// A client that asks and never reads.
TEST_F(ServerTest, ClientThatDoesNotReadIsClosed) {
  options_.idle_timeout = 30ms;
  dispatcher_.add("big", [](const Json&) {
    return Answer::of({{"text", std::string(4 << 20, 'x')}});
  });
  ASSERT_EQ(start(), "");
  auto s = connect();
  asio::write(s, asio::buffer(std::string("{\"method\":\"big\"}\n{\"method\":\"big\"}\n")));
  serve_until([&] { return server_->counters().timeouts != 0; });
  EXPECT_EQ(server_->counters().timeouts, 1u);
  EXPECT_EQ(server_->counters().requests, 1u);
}

TEST_F(ServerTest, ClientsThatVanish) {
  ASSERT_EQ(start(), "");
  for (int i = 0; i < 100; ++i) {
    auto s = connect();
    asio::write(s, asio::buffer(std::string("{\"method\":\"echo\"}\n").substr(0, 1 + i % 18)));
    s.close();
    io_.poll();
  }
  auto s = connect();
  asio::write(s, asio::buffer(std::string("{\"method\":\"echo\"}\n")));
  EXPECT_EQ(read_line(s), "{\"ok\":true,\"result\":{}}\n");
}

TEST_F(ServerTest, StaleFileIsReplaced) {
  ASSERT_EQ(mkdir((folder_ + "/run").c_str(), 0755), 0);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  options_.path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);  // as after a crash: the file stays, nobody listens
  EXPECT_EQ(start(), "");
}

TEST_F(ServerTest, SecondProgramIsRefusedAndHarmsNothing) {
  ASSERT_EQ(start(), "");
  {
    Server second(io_, dispatcher_, options_);
    EXPECT_NE(second.start().find("another program listens there"), std::string::npos);
  }
  auto s = connect();
  asio::write(s, asio::buffer(std::string("{\"method\":\"echo\"}\n")));
  EXPECT_EQ(read_line(s), "{\"ok\":true,\"result\":{}}\n");
}

TEST_F(ServerTest, OtherFilesAreLeftAlone) {
  ASSERT_EQ(mkdir((folder_ + "/run").c_str(), 0755), 0);
  std::ofstream(options_.path) << "precious";
  EXPECT_NE(start().find("is not a socket"), std::string::npos);
  EXPECT_EQ(access(options_.path.c_str(), F_OK), 0);
}

TEST_F(ServerTest, StopRemovesItsOwnFileOnly) {
  ASSERT_EQ(start(), "");
  auto s = connect();
  serve_until([&] { return server_->counters().accepted == 1; });
  unlink(options_.path.c_str());
  std::ofstream(options_.path) << "someone else's";
  server_->stop();
  server_->stop();
  EXPECT_EQ(access(options_.path.c_str(), F_OK), 0);
  serve_until([&] { return readable(s); });
  char c;
  EXPECT_EQ(recv(s.native_handle(), &c, 1, MSG_DONTWAIT), 0);
}

// Has a process of user and group 65534 ask, and write what it is answered to `answer`.
std::string asked_by_nobody(const std::string& path, int answer[2]) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      char line[256];
      (void)send(fd, "{\"method\":\"echo\"}\n", 18, MSG_NOSIGNAL);
      const ssize_t n = recv(fd, line, sizeof line, 0);
      if (n > 0) (void)!write(answer[1], line, static_cast<std::size_t>(n));
    }
    _exit(0);
  }
  return child < 0 ? "fork" : "";
}

// Another user is answered if it is in the group, and told why if it is not.
TEST_F(ServerTest, OtherUsersNeedTheGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  for (const bool in_group : {true, false}) {
    options_.group = in_group ? std::optional<gid_t>(65534) : std::nullopt;
    ASSERT_EQ(start(), "");
    struct stat status {};
    ASSERT_EQ(stat(options_.path.c_str(), &status), 0);
    EXPECT_EQ(status.st_gid, in_group ? 65534u : getegid());
    // The file alone would keep it out; the server does not rely on it.
    if (!in_group) {
      ASSERT_EQ(chmod(options_.path.c_str(), 0666), 0);
    }
    int answer[2];
    ASSERT_EQ(pipe2(answer, O_CLOEXEC | O_NONBLOCK), 0);
    ASSERT_EQ(asked_by_nobody(options_.path, answer), "");
    std::string text(256, 0);
    ssize_t n = -1;
    serve_until([&] { return (n = read(answer[0], text.data(), text.size())) > 0; });
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    EXPECT_EQ(text.find("\"ok\":true") != std::string::npos, in_group) << text;
    EXPECT_EQ(text.find("forbidden") != std::string::npos, !in_group) << text;
    EXPECT_EQ(server_->counters().forbidden, in_group ? 0u : 1u);
    close(answer[0]);
    close(answer[1]);
    wait(nullptr);
    server_.reset();
  }
}

}  // namespace
}  // namespace kanmon::api
