// From text to structs: the whole of a good file, every problem of a bad one, and nothing but
// problems from whatever else is put in (INV-10; fault "config reload with a bad file").
#include <chrono>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/changes.h"
#include "control/config/document.h"
#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

using namespace std::chrono_literals;
using test::all;
using test::good;
using test::has;
using test::has_error;
using test::load_with;

constexpr const char* kFull = R"(
version: 1
system: {name: gw1, api-socket: /run/x/api.sock, workers: 1, worker-cores: [0], power: performance,
         log-format: json, log-level: debug, packet-buffers: 2048,
         eal-args: "--no-pci", allow-key-export: true}
ports:
  wan: {device: "af_packet:gw-wan", mtu: 1400, addresses: [192.0.2.1/24, "2001:db8:1::1/64"],
        underlay: internet, mac: "02:00:00:00:00:01"}
  lan: {device: "tap:lan0", addresses: [10.1.0.1/24], table: main, share-out: false}
underlays:
  internet: {routes: [{prefix: 0.0.0.0/0, via: 192.0.2.254}]}
route-tables:
  main:
    routes:
      - {prefix: 10.2.0.0/24, tunnel: branch}
      - {prefix: 10.9.0.0/16, blackhole: true}
      - {prefix: 10.8.0.0/16, via: 10.1.0.254}
tunnels:
  branch:
    table: main
    underlay: internet
    local-address: 192.0.2.1
    remote-address: 192.0.2.2
    local-id: gw1.example
    remote-id: "op@branch.example"
    pre-shared-key: "correct horse battery"
    startup-action: add
    traffic-selectors:
      local: [10.1.0.0/24, {range: 10.1.1.5-10.1.1.9, protocol: tcp, ports: 80-90},
              {prefix: 10.1.0.0/24, ports: opaque}]
      remote: [{prefix: 10.2.0.0/24, protocol: 17, ports: 53}, 10.2.0.0/24]
    force-udp-encapsulation: true
    phase1-encryption-algorithms: [AES256, AES128-GCM-16]
    phase1-integrity-algorithms: [SHA2-512, SHA2-256]
    phase1-dh-group-numbers: [31, 14]
    phase1-lifetime-seconds: 7200
    phase2-encryption-algorithms: [AES128-GCM-16]
    phase2-dh-group-numbers: [20]
    phase2-lifetime-seconds: 1000
    phase2-lifetime-kilobytes: 102400000
    phase2-lifetime-packets: 5000000000
    extended-sequence-numbers: false
    rekey-margin-time-seconds: 100
    rekey-fuzz-percentage: 50
    replay-window-size: 1024
    dpd-timeout-seconds: 30
    dpd-timeout-action: clear
    retransmit-first-milliseconds: 250
    retransmit-tries: 5
    keepalive-seconds: 15
    mtu: 1300
    mss-clamp: false
    dscp: 46
    df: copy
    tfc-padding: to-mtu
    accept-tfc-padding: false
    non-first-fragments: stateful
)";

TEST(ConfigLoad, EveryKeyArrives) {
  const Loaded loaded = load_text(kFull, "gw.yaml");
  ASSERT_TRUE(loaded.config) << all(loaded);
  EXPECT_EQ(all(loaded), "");
  const Config& c = *loaded.config;
  EXPECT_EQ(c.system.name, "gw1");
  EXPECT_EQ(c.system.api_socket, "/run/x/api.sock");
  EXPECT_EQ(c.system.worker_cores, std::vector<uint16_t>{0});
  EXPECT_EQ(c.system.power, Power::kPerformance);
  EXPECT_EQ(c.system.log_format, LogFormat::kJson);
  EXPECT_EQ(c.system.log_level, LogLevel::kDebug);
  EXPECT_EQ(c.system.packet_buffers, 2048u);
  EXPECT_EQ(c.system.eal_args, "--no-pci");
  ASSERT_EQ(c.ports.size(), 2u);
  EXPECT_EQ(c.ports[0].name, "wan");  // in the order of the file
  EXPECT_EQ(c.ports[0].mtu, 1400);
  EXPECT_EQ(c.ports[0].addresses[1].to_string(), "2001:db8:1::1/64");
  EXPECT_EQ(*c.ports[0].mac, (wire::MacAddress{2, 0, 0, 0, 0, 1}));
  EXPECT_EQ(c.ports[1].table, "main");
  EXPECT_TRUE(c.ports[0].share_out);
  EXPECT_FALSE(c.ports[1].share_out);
  EXPECT_TRUE(c.system.allow_key_export);
  ASSERT_EQ(c.underlays.size(), 1u);
  EXPECT_EQ(c.underlays[0].routes[0].via.to_string(), "192.0.2.254");
  ASSERT_EQ(c.tables[0].routes.size(), 3u);
  EXPECT_EQ(c.tables[0].routes[0].kind, Route::Kind::kTunnel);
  EXPECT_EQ(c.tables[0].routes[0].tunnel, "branch");
  EXPECT_EQ(c.tables[0].routes[1].kind, Route::Kind::kBlackhole);
  EXPECT_EQ(c.tables[0].routes[2].kind, Route::Kind::kVia);
}

TEST(ConfigLoad, EveryTunnelKeyArrives) {
  const Loaded loaded = load_text(kFull, "gw.yaml");
  ASSERT_TRUE(loaded.config) << all(loaded);
  const Tunnel& t = loaded.config->tunnels[0];
  EXPECT_EQ(t.name, "branch");
  EXPECT_EQ(t.ike.name, "branch");
  EXPECT_EQ(t.ike.remote_address->to_string(), "192.0.2.2");
  EXPECT_EQ(t.ike.local_id.type, ike::Identity::Type::kFqdn);
  EXPECT_EQ(t.ike.remote_id.type, ike::Identity::Type::kEmail);
  EXPECT_EQ(t.ike.psk.size(), 21u);
  EXPECT_EQ(t.ike.startup, ike::StartupAction::kAdd);
  ASSERT_EQ(t.ike.local_ts.size(), 3u);
  EXPECT_TRUE(t.ike.local_ts[2].opaque_port());
  EXPECT_EQ(t.ike.local_ts[1].start.to_string(), "10.1.1.5");
  EXPECT_EQ(t.ike.local_ts[1].end.to_string(), "10.1.1.9");
  EXPECT_EQ(t.ike.local_ts[1].protocol, 6);
  EXPECT_EQ(t.ike.local_ts[1].port_start, 80);
  EXPECT_EQ(t.ike.local_ts[1].port_end, 90);
  EXPECT_EQ(t.ike.remote_ts[0].protocol, 17);
  EXPECT_EQ(t.ike.remote_ts[0].port_end, 53);
  EXPECT_TRUE(t.ike.remote_ts[1].any_port());
  EXPECT_TRUE(t.ike.force_udp_encapsulation);
  EXPECT_EQ(t.ike.ike.encryption,
            (std::vector<ike::IkeTransforms::Encryption>{{12, 256}, {20, 128}}));
  EXPECT_EQ(t.ike.ike.integrity, (std::vector<uint16_t>{14, 12}));
  EXPECT_EQ(t.ike.ike.prf, (std::vector<uint16_t>{7, 5}));  // follow the integrity algorithms
  EXPECT_EQ(t.ike.ike.groups, (std::vector<uint16_t>{31, 14}));
  EXPECT_EQ(t.ike.ike_lifetime, 7200s);
  EXPECT_EQ(t.ike.esp.algorithms, std::vector<esp::Algorithm>{esp::Algorithm::kAes128Gcm16});
  EXPECT_EQ(t.ike.esp.groups, std::vector<uint16_t>{20});
  EXPECT_FALSE(t.ike.esp.esn);
  EXPECT_EQ(t.ike.child_lifetime, 1000s);
  EXPECT_EQ(t.ike.rekey_margin, 100s);
  EXPECT_EQ(t.ike.rekey_fuzz_percent, 50);
  EXPECT_EQ(t.replay_window, 1024u);
  EXPECT_EQ(t.ike.dpd_timeout, 30s);
  EXPECT_EQ(t.ike.dpd_action, ike::DpdAction::kClear);
  EXPECT_EQ(t.ike.retransmit_first, 250ms);
  EXPECT_EQ(t.ike.retransmit_tries, 5);
  EXPECT_EQ(t.ike.keepalive, 15s);
  EXPECT_EQ(*t.mtu, 1300);
  EXPECT_FALSE(t.mss_clamp);
  EXPECT_EQ(t.dscp, DscpPolicy::kSet);
  EXPECT_EQ(t.dscp_value, 46);
  EXPECT_EQ(t.df, DfPolicy::kCopy);
  EXPECT_EQ(t.tfc_padding, TfcPolicy::kToMtu);
  EXPECT_FALSE(t.ike.accepts_tfc);
  EXPECT_TRUE(t.ike.fragments_also);
  EXPECT_EQ(t.lifetime_kilobytes, 102'400'000u);
  EXPECT_EQ(t.lifetime_packets, 5'000'000'000u);
}

// ESP-34: a map of DSCPs; what it does not name follows its default, which is copy.
TEST(ConfigLoad, DscpMaps) {
  const auto map_of = [](const char* text) {
    const Loaded loaded = test::load_with("tunnels.branch", "dscp", text);
    EXPECT_TRUE(loaded.config) << all(loaded);
    EXPECT_EQ(loaded.config->tunnels[0].dscp, DscpPolicy::kMap);
    return loaded.config->tunnels[0].dscp_map;
  };
  const auto copied = map_of("{map: {46: 40, 0: 10}}");
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(copied[i], i == 46 ? 40 : i == 0 ? 10 : static_cast<int>(i));
  const auto rest = map_of("{default: 7, map: {46: 46}}");
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(rest[i], i == 46 ? 46 : 7);
  EXPECT_EQ(map_of("{map: {46: 40, 0: 10}, default: copy}"), copied);
}

TEST(ConfigLoad, Defaults) {
  const Loaded loaded = test::load(good());
  ASSERT_TRUE(loaded.config) << all(loaded);
  const ike::TunnelParameters& t = loaded.config->tunnels[0].ike;
  EXPECT_EQ(t.local_id.to_string(), "192.0.2.1");
  EXPECT_EQ(t.remote_id.type, ike::Identity::Type::kIpv4);
  ASSERT_EQ(t.local_ts.size(), 2u);  // 0.0.0.0/0 and ::/0
  EXPECT_TRUE(t.local_ts[0].start.is_v4());
  EXPECT_FALSE(t.remote_ts[1].start.is_v4());
  EXPECT_EQ(t.ike.groups, (std::vector<uint16_t>{19, 20, 31, 14}));
  EXPECT_EQ(t.esp.algorithms, (std::vector<esp::Algorithm>{esp::Algorithm::kAes256Gcm16,
                                                           esp::Algorithm::kAes128Gcm16}));
  EXPECT_EQ(t.ike.encryption[0], (ike::IkeTransforms::Encryption{20, 256}));
  EXPECT_EQ(t.startup, ike::StartupAction::kStart);
  EXPECT_EQ(t.rekey_margin, 270s);
  EXPECT_EQ(loaded.config->tunnels[0].replay_window, 4096u);
}

// Phase 2 is every pair of encryption and integrity, and no pair for what has its own.
TEST(ConfigLoad, EspAlgorithmsAreThePairs) {
  using A = esp::Algorithm;
  auto sections = good();
  auto& branch = sections["tunnels.branch"];
  branch["phase2-encryption-algorithms"] = "[AES256, CHACHA20-POLY1305, AES128]";
  branch["phase2-integrity-algorithms"] = "[SHA2-512, SHA1]";
  branch["allow-weak"] = "true";
  const Loaded loaded = test::load(sections);
  ASSERT_TRUE(loaded.config) << all(loaded);
  EXPECT_EQ(loaded.config->tunnels[0].ike.esp.algorithms,
            (std::vector<A>{A::kAes256Sha512, A::kAes256Sha1, A::kChaCha20Poly1305,
                            A::kAes128Sha512, A::kAes128Sha1}));
}

TEST(ConfigLoad, DefaultsThatFollow) {
  auto sections = good();
  auto& branch = sections["tunnels.branch"];
  branch["remote-address"] = "any";
  branch["remote-id"] = "branch.example";
  branch["phase2-lifetime-seconds"] = "10";
  const Loaded loaded = test::load(sections);
  ASSERT_TRUE(loaded.config) << all(loaded);
  const ike::TunnelParameters& t = loaded.config->tunnels[0].ike;
  EXPECT_FALSE(t.remote_address);
  EXPECT_EQ(t.startup, ike::StartupAction::kAdd);
  EXPECT_EQ(t.rekey_margin, 2s);
}

struct Mistake {
  uint32_t line;
  const char* key;
  const char* part;
};

TEST(ConfigLoad, TenMistakesTenProblems) {
  const Loaded loaded = load_file("tests/unit/config/ten-mistakes.yaml");
  EXPECT_FALSE(loaded.config);
  const Mistake mistakes[] = {
      {6, "system.power", "found \"fast\", expected performance or balanced"},
      {13, "ports.lan.device", "did you mean af_packet?"},
      {20, "underlays.internet.routes[1].tunnel", "send a tunnel through itself"},
      {24, "route-tables.main.routes[0].tunnel", "did you mean branch?"},
      {25, "route-tables.main.routes[1].via", "10.1.0.0/24"},
      {30, "tunnels.branch.local-address", "192.0.2.1"},
      {31, "tunnels.branch.remote-address", "family"},
      {33, "tunnels.branch.pre-shared-key", "5 octets, expected 8 to 1024"},
      {34, "tunnels.branch.phase2-lifetime-seconds", "expected less than"},
      {36, "tunnels.branch.dpd-timout-seconds", "did you mean dpd-timeout-seconds?"},
  };
  ASSERT_EQ(loaded.problems.size(), std::size(mistakes)) << all(loaded);
  for (std::size_t i = 0; i < std::size(mistakes); ++i) {
    const Problem& p = loaded.problems[i];
    EXPECT_EQ(p.line, mistakes[i].line) << p.to_string();
    EXPECT_GT(p.column, 0u) << p.to_string();
    EXPECT_EQ(p.key, mistakes[i].key) << p.to_string();
    EXPECT_NE(p.text.find(mistakes[i].part), std::string::npos) << p.to_string();
    EXPECT_FALSE(p.warning) << p.to_string();
  }
  EXPECT_EQ(loaded.problems[0].to_string(),
            "tests/unit/config/ten-mistakes.yaml:6:10: error: system.power: found \"fast\", "
            "expected performance or balanced");
}

struct Broken {
  const char* what;
  std::string text;
  uint32_t line;
  const char* part;
};

TEST(ConfigLoad, TextThatIsNoTree) {
  const Broken rows[] = {
      {"empty", "", 1, "found nothing"},
      {"only a comment", "# hello\n", 1, "found nothing"},
      {"syntax", "version: 1\nports: [a, b\nsystem: {}\n", 0, "not YAML"},
      {"tab", "version: 1\nports:\n\twan: x\n", 3, "not YAML"},
      {"a list", "- a\n", 1, "found a list"},
      {"two documents", "version: 1\n---\nversion: 1\n", 3, "second document"},
      {"zero octet", std::string("version: 1\n\0x", 13), 2, "control character"},
      {"end of transmission", "version: 1\n\x04ports: {}\n", 2, "control character"},
      {"not UTF-8", "version: 1\nname: \xff\n", 2, "not UTF-8"},
      {"UTF-16", std::string("\xff\xfev\0e\0", 6), 1, "not UTF-8"},
      {"too deep", std::string(200, '['), 1, "nested deeper"},
      {"unknown alias", "version: *x\n", 1, "not YAML"},
      {"alias of itself", "version: &a [*a]\n", 1, "alias"},
      {"tag", "version: !!python/object 1\n", 1, "tag"},
      {"key is a list", "[a, b]: 1\n", 1, "expected a key"},
  };
  for (const Broken& row : rows) {
    const Loaded loaded = load_text(row.text, "gw.yaml");
    EXPECT_FALSE(loaded.config) << row.what;
    ASSERT_FALSE(loaded.problems.empty()) << row.what;
    const auto found =
        std::find_if(loaded.problems.begin(), loaded.problems.end(),
                     [&](const Problem& p) { return p.text.find(row.part) != std::string::npos; });
    ASSERT_NE(found, loaded.problems.end()) << row.what << ":\n" << all(loaded);
    if (row.line != 0) {
      EXPECT_EQ(found->line, row.line) << row.what;
    }
  }
}

TEST(ConfigLoad, DuplicateKeysAreNamed) {
  const Loaded loaded = load_text(
      "version: 1\nports:\n  wan: {device: \"null:\", table: m}\n  wan: {device: \"null:\", table: "
      "m}\n"
      "route-tables: {m: {}}\nversion: 1\n",
      "gw.yaml");
  EXPECT_TRUE(has(loaded, "ports.wan", "first is at line 3")) << all(loaded);
  EXPECT_TRUE(has(loaded, "version", "first is at line 1")) << all(loaded);
}

// Each level repeats the one below nine times: 9^12 values if written out.
TEST(ConfigLoad, BillionLaughsAreRefusedAtOnce) {
  std::string text = "a0: &a0 [lol]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int j = 0; j < 8; ++j) text += "," + below;
    text += "]\n";
  }
  const auto start = std::chrono::steady_clock::now();
  const Loaded loaded = load_text(text, "gw.yaml");
  EXPECT_FALSE(loaded.config);
  EXPECT_NE(all(loaded).find("too many values"), std::string::npos) << all(loaded);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

TEST(ConfigLoad, AnchorsAndMergedSectionsWork) {
  auto sections = good();
  sections["tunnels.branch"]["traffic-selectors"] = "{local: [10.1.0.0/24], remote: [10.2.0.0/24]}";
  std::string text = test::text_of(sections);
  const auto at = text.find("tunnels:\n  branch:\n");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 19, "tunnels:\n  branch: &branch\n");
  text.insert(text.find("underlays:\n"),
              "  other: {<<: *branch, remote-address: 192.0.2.3, dpd-timeout-seconds: 12}\n");
  const Loaded loaded = load_text(text, "gw.yaml");
  ASSERT_TRUE(loaded.config) << all(loaded) << text;
  ASSERT_EQ(loaded.config->tunnels.size(), 2u);
  EXPECT_EQ(loaded.config->tunnels[1].ike.remote_address->to_string(), "192.0.2.3");
  EXPECT_EQ(loaded.config->tunnels[1].ike.dpd_timeout, 12s);
  EXPECT_EQ(loaded.config->tunnels[1].ike.local_ts.size(), 1u);
}

// INV-9: a key never shows up in a problem, whatever is wrong with it.
TEST(ConfigLoad, ProblemsNeverShowAKey) {
  const std::string secret = "hunter2";
  for (const std::string& value : {secret, "\"" + secret + "\"", "[" + secret + "]",
                                   "{a: " + secret + "}", "!x " + secret, "|\n      " + secret}) {
    const Loaded loaded = load_with("tunnels.branch", "pre-shared-key", value);
    EXPECT_FALSE(loaded.config) << value;
    EXPECT_EQ(all(loaded).find(secret), std::string::npos) << all(loaded);
  }
}

class KeyFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/kanmon-key-XXXXXX";
    const int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    close(fd);
    path_ = name;
  }
  void TearDown() override { unlink(path_.c_str()); }
  Loaded load_with_key(const std::string& key, mode_t mode) {
    std::ofstream(path_) << key;
    chmod(path_.c_str(), mode);
    auto sections = good();
    sections["tunnels.branch"].erase("pre-shared-key");
    sections["tunnels.branch"]["pre-shared-key-file"] = path_;
    return test::load(sections);
  }
  std::string path_;
};

TEST_F(KeyFile, IsReadWithoutItsNewline) {
  const Loaded loaded = load_with_key("0123456789abcdef\r\n", 0600);
  ASSERT_TRUE(loaded.config) << all(loaded);
  EXPECT_EQ(all(loaded), "");
  EXPECT_EQ(loaded.config->tunnels[0].ike.psk.size(), 16u);
}

TEST_F(KeyFile, ReadableByAllIsAWarning) {
  const Loaded loaded = load_with_key("0123456789abcdef", 0644);
  EXPECT_TRUE(loaded.config);
  EXPECT_TRUE(has(loaded, "tunnels.branch.pre-shared-key-file", "readable by every user", true));
}

TEST_F(KeyFile, LengthRules) {
  EXPECT_FALSE(load_with_key("1234567", 0600).config);
  EXPECT_TRUE(load_with_key("12345678", 0600).config);
  EXPECT_TRUE(load_with_key(std::string(1024, 'x'), 0600).config);
  EXPECT_FALSE(load_with_key(std::string(1025, 'x'), 0600).config);
}

TEST_F(KeyFile, MustBeAFile) {
  auto sections = good();
  sections["tunnels.branch"].erase("pre-shared-key");
  for (const char* path : {"/nonexistent/key", "/tmp", "/dev/zero"}) {
    sections["tunnels.branch"]["pre-shared-key-file"] = path;
    EXPECT_TRUE(has(test::load(sections), "tunnels.branch.pre-shared-key-file", "readable file"))
        << path;
  }
}

TEST(ConfigLoad, UnreadableFileIsAProblem) {
  for (const char* path : {"/nonexistent.yaml", "/tmp", "/dev/zero"}) {
    const Loaded loaded = load_file(path);
    EXPECT_FALSE(loaded.config);
    ASSERT_EQ(loaded.problems.size(), 1u) << path;
    EXPECT_EQ(loaded.problems[0].file, path);
  }
}

// Two hundred damaged files: cut, doubled, octets swapped, lines moved. None may do more than be
// refused, and a refusal has a reason.
TEST(ConfigLoad, MutatedFilesNeverCrash) {
  const std::string whole = kFull;
  std::mt19937 rng(200);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(rng);
  };
  for (int i = 0; i < 200; ++i) {
    std::string text = whole;
    const std::size_t changes = 1 + below(8);
    for (std::size_t k = 0; k < changes; ++k) {
      const std::size_t at = below(text.size());
      switch (below(6)) {
        case 0:
          text.resize(at + 1);
          break;
        case 1:
          text[at] = static_cast<char>(below(256));
          break;
        case 2:
          text.erase(at, 1 + below(20));
          break;
        case 3:
          text.insert(at, text.substr(below(text.size()), below(200)));
          break;
        case 4:
          text.insert(at, std::string(1, "{}[]:,&*!|>'\"%@`-#\n\t "[below(22)]));
          break;
        case 5:
          text.insert(at, std::string(1 + below(3000), "[{-9 "[below(5)]));
          break;
      }
      if (text.empty()) text = "x";
    }
    const Loaded loaded = load_text(text, "gw.yaml");
    const bool refused = std::any_of(loaded.problems.begin(), loaded.problems.end(),
                                     [](const Problem& p) { return !p.warning; });
    EXPECT_EQ(loaded.config.has_value(), !refused) << text;
    EXPECT_LE(loaded.problems.size(), 201u);
  }
}

TEST(ConfigChanges, NameKeyOldAndNew) {
  auto sections = good();
  const Loaded before = test::load(sections);
  sections["tunnels.branch"]["dpd-timeout-seconds"] = "12";
  sections["tunnels.branch"]["pre-shared-key"] = "\"another key altogether\"";
  sections["route-tables.main"]["routes"] =
      "[{prefix: 10.2.0.0/24, blackhole: true}, {prefix: 10.3.0.0/24, tunnel: branch}]";
  sections["ports.dmz"] = {
      {"device", "tap:dmz"}, {"addresses", "[10.7.0.1/24]"}, {"table", "main"}};
  sections["system"]["workers"] = "2";
  const Loaded after = test::load(sections);
  ASSERT_TRUE(before.config && after.config) << all(after);
  std::vector<std::string> lines;
  for (const Change& c : changes_between(*before.config, *after.config))
    lines.push_back(c.to_string());
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "system.workers: 1 -> 2",
                       "ports.dmz: added",
                       "route-tables.main.routes[10.2.0.0/24]: tunnel branch -> blackhole",
                       "route-tables.main.routes[10.3.0.0/24]: (none) -> tunnel branch",
                       "tunnels.branch.pre-shared-key: (secret) -> (secret)",
                       "tunnels.branch.dpd-timeout-seconds: 40 -> 12",
                   }));
  EXPECT_TRUE(changes_between(*before.config, *test::load(good()).config).empty());
}

}  // namespace
}  // namespace kanmon::config
