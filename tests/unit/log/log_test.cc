// The log: lines that peers cannot forge, that never block, and that never hold a key.
// hardening 11; requirement IKE-38, IKE-39; fault "disk full / log blocked".
#include "control/log/log.h"

#include <chrono>
#include <deque>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "control/log/rate_limit.h"
#include "control/log/text.h"

namespace kanmon::log {
namespace {

using namespace std::chrono_literals;

Line line_of(std::span<const Field> fields) {
  Line line;
  line.time = std::chrono::system_clock::time_point(1772359815114ms);
  line.level = Level::kInfo;
  line.room = "ike";
  line.event = "child-rekeyed";
  line.fields = fields;
  return line;
}

TEST(LogLine, KeyValueKeepsOrderAndColumns) {
  const Field fields[] = {
      {"tunnel", "branch"}, {"took_ms", 18}, {"nat", false}, {"why", "no answer"}};
  EXPECT_EQ(to_text(line_of(fields), Format::kKeyValue),
            "2026-03-01T10:10:15.114Z info  ike  child-rekeyed tunnel=branch took_ms=18 nat=false "
            "why=\"no answer\"");
}

TEST(LogLine, JsonHasTheSameNames) {
  const Field fields[] = {{"tunnel", "branch"}, {"took_ms", 18u}, {"nat", true}, {"load", 1.5}};
  EXPECT_EQ(to_text(line_of(fields), Format::kJson),
            R"({"time":"2026-03-01T10:10:15.114Z","level":"info","room":"ike",)"
            R"("event":"child-rekeyed","tunnel":"branch","took_ms":18,"nat":true,"load":1.5})");
}

// What a peer sends as its identity may be anything.
TEST(LogLine, AttackerCannotForgeALine) {
  const std::string nasty = "x\n2026 error ike  fake\x1b[2J\x07 \"k=v\xc2\x9b\xff\\";
  const Field fields[] = {{"peer", nasty}};
  const std::string text = to_text(line_of(fields), Format::kKeyValue);
  EXPECT_EQ(text.substr(text.find("peer=")),
            R"(peer="x\n2026 error ike  fake\x1b[2J\x07 \"k=v\xc2\x9b\xff\\")");
  const std::string json = to_text(line_of(fields), Format::kJson);
  for (const char c : json) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  EXPECT_TRUE(nlohmann::json::accept(json));
}

TEST(LogLine, ValueIsCut) {
  const std::string big(100'000, 'a');
  const Field fields[] = {{"peer", big}};
  EXPECT_LT(to_text(line_of(fields), Format::kKeyValue).size(), 700u);
  EXPECT_LT(to_text(line_of(fields), Format::kJson).size(), 800u);
}

static_assert(!std::is_constructible_v<Field, std::string_view, const Secret&>,
              "a Secret must not reach a log line (INV-9)");
static_assert(!std::is_constructible_v<Field, std::string_view, Secret>);

struct Utf8 {
  const char* what;
  std::string text;
  std::size_t valid;
};

// RFC 3629 section 4, and the attacks of section 10.
TEST(LogText, ValidUtf8) {
  const Utf8 rows[] = {
      {"ascii", "abc", 3},
      {"two octets", "\xc3\xa9", 2},
      {"four octets", "\xf0\x9f\x94\x92", 4},
      {"overlong slash", "\xc0\xaf", 0},
      {"overlong three", "a\xe0\x80\xaf", 1},
      {"surrogate", "\xed\xa0\x80", 0},
      {"beyond U+10FFFF", "\xf4\x90\x80\x80", 0},
      {"cut short", "ab\xe2\x82", 2},
      {"lone continuation", "\x80", 0},
  };
  for (const Utf8& row : rows) EXPECT_EQ(valid_utf8(row.text), row.valid) << row.what;
}

TEST(LogPairs, AreTakenApart) {
  std::deque<std::string> storage;
  const auto fields = parse_pairs(R"(tunnel=branch  why="a \"b\" \\" odd n=)", storage);
  ASSERT_EQ(fields.size(), 4u);
  EXPECT_EQ(fields[0].key, "tunnel");
  EXPECT_EQ(std::get<std::string_view>(fields[1].value), R"(a "b" \)");
  EXPECT_EQ(fields[2].key, "text");
  EXPECT_EQ(std::get<std::string_view>(fields[2].value), "odd");
  EXPECT_EQ(std::get<std::string_view>(fields[3].value), "");
  EXPECT_EQ(parse_pairs(R"(a=")", storage).size(), 1u);
  EXPECT_EQ(parse_pairs(R"(a="\)", storage).size(), 1u);
  EXPECT_EQ(parse_pairs("=", storage).size(), 1u);
}

TEST(LogRateLimit, BurstThenOneASecondAndTheRestCounted) {
  RateLimit limit;
  const RateLimit::TimePoint start{};
  uint32_t admitted = 0;
  for (int i = 0; i < 1000; ++i) admitted += limit.admit("k", start).admitted ? 1 : 0;
  EXPECT_EQ(admitted, RateLimit::kBurst);
  EXPECT_TRUE(limit.admit("other", start).admitted);
  EXPECT_FALSE(limit.admit("k", start + 999ms).admitted);
  const auto verdict = limit.admit("k", start + 1s);
  EXPECT_TRUE(verdict.admitted);
  EXPECT_EQ(verdict.suppressed, 1000 - RateLimit::kBurst + 1);
}

TEST(LogRateLimit, InventedKeysShareABucket) {
  RateLimit limit;
  const RateLimit::TimePoint start{};
  for (std::size_t i = 0; i < RateLimit::kKeys; ++i) limit.admit(std::to_string(i), start);
  uint32_t admitted = 0;
  for (int i = 0; i < 1000; ++i)
    admitted += limit.admit("invented " + std::to_string(i), start).admitted ? 1 : 0;
  EXPECT_EQ(admitted, RateLimit::kBurst);
}

// A pipe with a log on its writing end.
class LogPipe : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe2(ends_, O_CLOEXEC), 0);
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  void TearDown() override {
    stop();
    close(ends_[0]);
    close(ends_[1]);
  }
  void start_here(Level level = Level::kInfo) {
    Options options;
    options.fd = ends_[1];
    options.level = level;
    options.queue_lines = 64;
    start(options);
  }
  std::string drain() {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = read(ends_[0], buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
    return all;
  }
  int ends_[2] = {-1, -1};
};

TEST_F(LogPipe, WritesLinesAboveTheLevel) {
  start_here();
  info("cfg", "loaded", {{"tunnels", 3}});
  debug("cfg", "not-shown");
  write_pairs(Level::kWarning, "ike", "no-answer", "tunnel=branch tries=12");
  stop();
  const std::string text = drain();
  EXPECT_NE(text.find("info  cfg  loaded tunnels=3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("warn  ike  no-answer tunnel=branch tries=12\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("not-shown"), std::string::npos);
}

TEST_F(LogPipe, EachTunnelHasItsOwnLimit) {
  start_here();
  for (int i = 0; i < 30; ++i) info("ike", "up", {{"tunnel", "t" + std::to_string(i)}});
  for (int i = 0; i < 100; ++i) info("ike", "flap", {{"tunnel", "a"}});
  stop();
  const std::string text = drain();
  std::size_t ups = 0, flaps = 0;
  for (std::size_t at = 0; (at = text.find(" up ", at)) != std::string::npos; ++at) ++ups;
  for (std::size_t at = 0; (at = text.find(" flap ", at)) != std::string::npos; ++at) ++flaps;
  EXPECT_EQ(ups, 30u);
  EXPECT_LE(flaps, RateLimit::kBurst + 1);
}

// The reader never reads: whoever logs goes on, what is lost is counted, and stop() returns.
TEST_F(LogPipe, StalledReaderBlocksNobody) {
  start_here();
  const uint64_t before = lost_lines();
  const std::string filler(400, 'x');
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 5000; ++i)
    info("test", "fill", {{"tunnel", std::to_string(i)}, {"text", filler}});
  const auto logged = std::chrono::steady_clock::now() - begin;
  stop();
  const auto stopped = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(logged, 5s);
  EXPECT_LT(stopped, 10s);
  EXPECT_GT(lost_lines(), before);
  // What did get through is whole lines.
  const std::string text = drain();
  EXPECT_NE(text.find("text=" + filler + "\n"), std::string::npos);
}

}  // namespace
}  // namespace kanmon::log
