// Keys written in the configuration leave no copy behind but the one in locked memory (INV-9).
#include "control/config/hidden_keys.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>
#include <unistd.h>

#include "control/common/secret.h"
#include "tests/unit/config/config_test_support.h"

namespace kanmon::config {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kShadowed = true;
#elif defined(__has_feature)
constexpr bool kShadowed = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kShadowed = false;
#endif

// The key of these tests, never written down as such: neither in the program nor in a buffer.
constexpr uint8_t kMask = 0x55;
struct Needle {
  uint8_t masked[40];
  Needle() {
    for (std::size_t i = 0; i < sizeof(masked); ++i)
      masked[i] = static_cast<uint8_t>(('A' + (i * 7) % 26) ^ kMask);
  }
  char at(std::size_t i) const { return static_cast<char>(masked[i] ^ kMask); }
};

std::size_t count_in(const uint8_t* from, const uint8_t* to, const Needle& needle) {
  std::size_t found = 0;
  for (const uint8_t* p = from; p + sizeof(needle.masked) <= to; ++p) {
    std::size_t i = 0;
    while (i < sizeof(needle.masked) && p[i] == static_cast<uint8_t>(needle.at(i))) ++i;
    if (i == sizeof(needle.masked)) ++found;
  }
  return found;
}

// How often the key stands in this process's writable memory.
std::size_t copies_of(const Needle& needle) {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  EXPECT_NE(maps, nullptr);
  char line[512];
  std::size_t found = 0;
  while (maps != nullptr && std::fgets(line, sizeof(line), maps) != nullptr) {
    unsigned long from = 0, to = 0;
    char rights[5] = {};
    if (std::sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3) continue;
    if (std::strncmp(rights, "rw", 2) != 0 || std::strstr(line, "/dev/") != nullptr) continue;
    found += count_in(reinterpret_cast<const uint8_t*>(from), reinterpret_cast<const uint8_t*>(to),
                      needle);
  }
  std::fclose(maps);
  return found;
}

// A configuration with the key between `before` and `after`, in one allocation.
std::string text_with(const Needle& needle, const char* before, const char* after) {
  auto sections = test::good();
  sections["tunnels.branch"]["pre-shared-key"] = "@";
  const std::string model = test::text_of(sections);
  const std::size_t at = model.find('@');
  std::string text;
  text.reserve(model.size() + 100);
  text.append(model, 0, at).append(before);
  for (std::size_t i = 0; i < sizeof(needle.masked); ++i) text.push_back(needle.at(i));
  text.append(after).append(model, at + 1);
  return text;  // itself, not a copy of it
}

TEST(HiddenKeys, AreNowhereInMemoryButInTheSecret) {
  if (kShadowed) GTEST_SKIP() << "a sanitizer keeps what was freed";
  const Needle needle;
  for (const char* quote : {"\"", "'", ""}) {
    std::string text = text_with(needle, quote, quote);
    ASSERT_EQ(copies_of(needle), 1u);
    const Loaded loaded = load_text(text, "gw.yaml");
    ASSERT_TRUE(loaded.config) << test::all(loaded);
    EXPECT_EQ(test::all(loaded), "");
    EXPECT_EQ(copies_of(needle), 2u) << quote;
    wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
    EXPECT_EQ(copies_of(needle), 1u) << quote;
    EXPECT_EQ(loaded.config->tunnels[0].ike.psk.size(), sizeof(needle.masked));
  }
  EXPECT_EQ(copies_of(needle), 0u);
}

TEST(HiddenKeys, AFileLeavesNoneEither) {
  if (kShadowed) GTEST_SKIP() << "a sanitizer keeps what was freed";
  const Needle needle;
  char path[] = "/tmp/kanmon-hidden-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  {
    std::string text = text_with(needle, "\"", "\"");
    ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  }
  close(fd);
  const Loaded loaded = load_file(path);
  unlink(path);
  ASSERT_TRUE(loaded.config) << test::all(loaded);
  EXPECT_EQ(copies_of(needle), 1u);
}

// What no simple rule can delimit goes through the library as it is, means what YAML says, and the
// operator is told.
TEST(HiddenKeys, WhatCannotBeHiddenIsReadAllTheSameWithAWarning) {
  struct Row {
    const char* value;
    const char* key;
  };
  for (const Row& row : {Row{"\"abcdefgh\\x49jklmnopq\"", "abcdefghIjklmnopq"},
                         Row{"'abcdefgh''jklmnopq'", "abcdefgh'jklmnopq"},
                         Row{"&k \"abcdefghijklmnopq\"", "abcdefghijklmnopq"},
                         Row{"\n      \"abcdefghijklmnopq\"", "abcdefghijklmnopq"},
                         Row{"abcdefghijk lmnopq", "abcdefghijk lmnopq"},
                         Row{"abcdefghijk:lmnopq", "abcdefghijk:lmnopq"},
                         Row{"abcdefghijk\n      lmnopq", "abcdefghijk lmnopq"}}) {
    const Loaded loaded = test::load_with("tunnels.branch", "pre-shared-key", row.value);
    ASSERT_TRUE(loaded.config) << row.value << test::all(loaded);
    const auto psk = loaded.config->tunnels[0].ike.psk.bytes();
    EXPECT_EQ(std::string(psk.begin(), psk.end()), row.key);
    EXPECT_TRUE(test::has(loaded, "tunnels.branch.pre-shared-key", "copies of it", true))
        << row.value;
  }
}

// Lines, columns, octets that are not ASCII, line ends of either kind, sections in one line.
TEST(HiddenKeys, KeepTheirPlace) {
  struct Row {
    const char* text;
    const char* shown;
    const char* key;
    std::size_t at;
  };
  for (const Row& row :
       {Row{"pre-shared-key: \"abc\"", "pre-shared-key: \"xxx\"", "abc", 16},
        Row{"# \xc3\xa9\r\n  pre-shared-key:   'a b' # c\r\n",
            "# \xc3\xa9\r\n  pre-shared-key:   'xxx' # c\r\n", "a b", 26},
        Row{"{\"pre-shared-key\": \"a#b\", c: d}", "{\"pre-shared-key\": \"xxx\", c: d}", "a#b",
            19},
        Row{"- pre-shared-key: ab+/=\n", "- pre-shared-key: xxxxx\n", "ab+/=", 18}}) {
    HiddenKeys hidden(row.text);
    EXPECT_EQ(hidden.text(), row.shown);
    EXPECT_FALSE(hidden.all_taken());
    EXPECT_EQ(hidden.take(row.at + 1, std::string(std::strlen(row.key), 'x')), "");
    EXPECT_EQ(hidden.take(row.at, "xxxxxxxxxxxx"), "");
    EXPECT_EQ(hidden.take(row.at, std::string(std::strlen(row.key), 'x')), row.key);
    EXPECT_TRUE(hidden.all_taken());
  }
  for (const char* text :
       {"pre-shared-key-file: abc", "# pre-shared-key: abc", "a: b # pre-shared-key: abc",
        "pre-shared-key:abc", "pre-shared-key: \"abc", "pre-shared-key: \"\"", "pre-shared-key:",
        "pre-shared-key: [abc]", "pre-shared-key: *abc", "pre-shared-key: |\n  abc"}) {
    HiddenKeys hidden(text);
    EXPECT_EQ(hidden.text(), text);
    EXPECT_TRUE(hidden.all_taken());
  }
}

// The name inside of another value: nothing may be replaced there.
TEST(HiddenKeys, TextThatOnlyLooksLikeOneIsNotChanged) {
  const Loaded loaded =
      test::load_with("tunnels.branch", "local-id", "\"x pre-shared-key: abcdefgh\"");
  ASSERT_TRUE(loaded.config) << test::all(loaded);
  const auto& id = loaded.config->tunnels[0].ike.local_id.data;
  EXPECT_EQ(std::string(id.begin(), id.end()), "x pre-shared-key: abcdefgh");
}

}  // namespace
}  // namespace kanmon::config
