// Every row of the schema at its edges, from the published JSON Schema: what it says is what the
// reader does, and the two documents made from it are current.
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control/config/changes.h"
#include "control/config/device.h"
#include "control/config/schema.h"
#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

using test::all;
using test::good;
using test::has_error;
using test::load_with;

struct Row {
  std::string section;  // "tunnels.branch"
  std::string key;
  Json schema;
  std::string path() const { return section + "." + key; }
};

// The scalar and list keys of one port, one tunnel, one table and the system.
std::vector<Row> rows() {
  const Json schema = Json::parse(json_schema());
  const auto section = [&](const char* name) { return schema["properties"][name]; };
  const auto named = [&](const char* name) { return section(name)["additionalProperties"]; };
  std::vector<Row> out;
  const auto append = [&](const std::string& path, const Json& s) {
    for (const auto& [key, value] : s["properties"].items()) out.push_back({path, key, value});
  };
  append("system", section("system"));
  append("ports.wan", named("ports"));
  append("tunnels.branch", named("tunnels"));
  return out;
}

// A good value may contradict another key; what counts is that the key itself is not refused by its
// reader ("found …, expected an integer …").
bool is_refused(const Row& row, const std::string& value) {
  const Loaded loaded = load_with(row.section, row.key, value);
  for (const Problem& p : loaded.problems)
    if (!p.warning && p.key == row.path() &&
        (p.text.find("expected an integer from") != std::string::npos ||
         p.text.find("expected a multiple") != std::string::npos))
      return true;
  return false;
}

TEST(ConfigSchema, IntegersAtTheirEdges) {
  int seen = 0;
  for (const Row& row : rows()) {
    if (row.schema.value("type", "") != "integer") continue;
    ++seen;
    const int64_t least = row.schema["minimum"], most = row.schema["maximum"];
    EXPECT_FALSE(is_refused(row, std::to_string(least))) << row.path();
    EXPECT_FALSE(is_refused(row, std::to_string(most))) << row.path();
    EXPECT_TRUE(is_refused(row, std::to_string(least - 1))) << row.path();
    EXPECT_TRUE(is_refused(row, std::to_string(most + 1))) << row.path();
    for (const char* bad :
         {"ten", "1.5", "0x40", "\"64\"", "[64]", "", "99999999999999999999", "1 ", "6_4", "+64"})
      if (std::string(bad) != "1 ") {
        EXPECT_TRUE(is_refused(row, bad)) << row.path() << bad;
      }
    if (row.schema.contains("multipleOf")) {
      EXPECT_TRUE(is_refused(row, std::to_string(least + 1))) << row.path();
    }
  }
  EXPECT_GE(seen, 13);
}

TEST(ConfigSchema, WordsAndBooleans) {
  int seen = 0;
  for (const Row& row : rows()) {
    std::vector<std::string> values;
    if (row.schema.contains("enum"))
      for (const auto& v : row.schema["enum"]) values.push_back(v.get<std::string>());
    if (row.schema.value("type", "") == "boolean") values = {"true", "false"};
    if (values.empty()) continue;
    ++seen;
    for (const auto& value : values) {
      EXPECT_FALSE(has_error(load_with(row.section, row.key, value), row.path()))
          << row.path() << " " << value;
    }
    for (const char* bad : {"bogus", "yes", "1", "[]", "", "True"}) {
      EXPECT_TRUE(has_error(load_with(row.section, row.key, bad), row.path()))
          << row.path() << " " << bad;
    }
  }
  EXPECT_GE(seen, 9);
}

TEST(ConfigSchema, ListsOfWords) {
  int seen = 0;
  for (const Row& row : rows()) {
    const Json& list = row.schema.contains("oneOf") ? row.schema["oneOf"][0] : row.schema;
    if (list.value("type", "") != "array" || !list["items"].contains("enum")) continue;
    ++seen;
    const Json& words = list["items"]["enum"];
    std::string every;
    for (const auto& word : words) {
      const std::string text = word.is_string() ? word.get<std::string>() : word.dump();
      every += (every.empty() ? "" : ", ") + text;
      const Loaded twice = load_with(row.section, row.key, "[" + text + ", " + text + "]");
      EXPECT_TRUE(has_error(twice, row.path() + "[1]")) << row.path();
    }
    // Each is a word; that some need a further key's consent is for config_check_test.
    const Loaded all = load_with(row.section, row.key, "[" + every + "]");
    for (std::size_t i = 0; i < words.size(); ++i) {
      EXPECT_FALSE(has_error(all, row.path() + "[" + std::to_string(i) + "]")) << row.path();
    }
    EXPECT_TRUE(has_error(load_with(row.section, row.key, "[DES]"), row.path() + "[0]"));
    EXPECT_TRUE(has_error(load_with(row.section, row.key, every), row.path())) << row.path();
    if (list.value("minItems", 0) == 1) {
      EXPECT_TRUE(has_error(load_with(row.section, row.key, "[]"), row.path())) << row.path();
    }
  }
  EXPECT_EQ(seen, 7);
}

// Writing a default down changes nothing: the documented defaults are the real ones.
TEST(ConfigSchema, DocumentedDefaultsAreReal) {
  const Loaded plain = test::load(good());
  ASSERT_TRUE(plain.config) << all(plain);
  int seen = 0;
  for (const Row& row : rows()) {
    if (!row.schema.contains("default") || row.key == "name" || row.key == "addresses") continue;
    ++seen;
    const Json& value = row.schema["default"];
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const Loaded loaded = load_with(row.section, row.key, text);
    ASSERT_TRUE(loaded.config) << row.path() << " " << text << "\n" << all(loaded);
    const Changes changes = changes_between(*plain.config, *loaded.config);
    EXPECT_TRUE(changes.empty()) << row.path() << " " << text << " " << changes[0].to_string();
  }
  EXPECT_GE(seen, 20);
}

TEST(ConfigSchema, UnknownAndMissingKeysEverywhere) {
  for (const Row& row : rows()) {
    const Loaded loaded = load_with(row.section, row.key + "x", "1");
    EXPECT_TRUE(test::has(loaded, row.path() + "x", "is not a key of this section"));
  }
  const std::pair<const char*, const char*> required[] = {{"ports.wan", "device"},
                                                          {"tunnels.branch", "table"},
                                                          {"tunnels.branch", "underlay"},
                                                          {"tunnels.branch", "local-address"},
                                                          {"tunnels.branch", "remote-address"}};
  for (const auto& [section, key] : required) {
    auto sections = good();
    sections[section].erase(key);
    const Loaded loaded = test::load(sections);
    EXPECT_FALSE(loaded.config);
    EXPECT_TRUE(test::has(loaded, section, "\"" + std::string(key) + "\" is missing"))
        << all(loaded);
  }
  EXPECT_TRUE(
      test::has(load_text("ports: {p: {device: \"null:\", table: m}}", "f"), "", "version"));
}

struct DeviceRow {
  const char* device;
  bool good;
};

TEST(ConfigSchema, Devices) {
  const DeviceRow devices[] = {
      {"pci:0000:3b:00.0", true},
      {"pci:0000:3b:00.0,representor=0", true},
      {"pci:3b:00.0", false},
      {"pci:0000:3b:00.g", false},
      {"pci:", false},
      {"af_packet:eth1", true},
      {"af_packet:fifteen-letters", true},
      {"af_packet:sixteen-letters-", false},
      {"af_packet:a/b", false},
      {"af_packet:", false},
      {"af_packet:eth1,blocksz=4096", true},
      {"af_packet:eth1,blocksz", false},
      {"af_packet:eth1,", false},
      {"af_packet:eth 1", false},
      {"af_xdp:eth1", true},
      {"tap:kan0", true},
      {"memif:id=1,role=client,socket=/run/m.sock", true},
      {"memif:/run/m.sock,id=1,role=client", false},
      {"memif:", false},
      {"pcap:rx=a.pcap,tx=b.pcap", true},
      {"ring:a", true},
      {"ring:", false},
      {"null:", true},
      {"null:1", true},
      {"null", false},
      {"eth1", false},
      {"dpdk:0", false},
      {"", false},
  };
  for (const DeviceRow& row : devices)
    EXPECT_EQ(device_problem(row.device).empty(), row.good) << row.device;
  for (const DeviceKind& kind : device_kinds()) EXPECT_EQ(device_problem(kind.example), "");
}

std::string file(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ConfigSchema, PublishedFilesAreCurrent) {
  EXPECT_EQ(file("docs/config.schema.json"), json_schema())
      << "run: kanmon schema > docs/config.schema.json";
  EXPECT_EQ(file("docs/config-reference.md"), markdown_reference())
      << "run: kanmon schema --markdown > docs/config-reference.md";
}

}  // namespace
}  // namespace kanmon::config
