// The command line of kanmon-bench: what is asked for, and what is said of mistakes.
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "bench/harness/options.h"

namespace kanmon::bench {
namespace {

struct Said {
  int status;
  Options options;
  std::string out, err;
};

Said read(std::vector<const char*> words) {
  words.insert(words.begin(), "kanmon-bench");
  std::ostringstream out, err;
  Said s;
  s.status = read_options(static_cast<int>(words.size()), words.data(), s.options, out, err);
  s.out = out.str();
  s.err = err.str();
  return s;
}

TEST(Options, NothingIsTheDefault) {
  const Said s = read({});
  EXPECT_EQ(s.status, -1);
  EXPECT_EQ(s.options.sizes, (std::vector<Size>{64, 512, 1420}));
  EXPECT_EQ(s.options.directions.size(), 3u);
  EXPECT_TRUE(s.options.limits);
}

TEST(Options, ListsAndTheMix) {
  const Said s = read({"--size", "64,IMIX,9000", "--direction", "decrypt,forward", "--tunnels",
                       "1,10000", "--workers=1,2", "--burst", "1,4,32", "--routes", "0,1000000",
                       "--order", "sequential", "--no-limits", "--no-esn"});
  ASSERT_EQ(s.status, -1) << s.err;
  EXPECT_EQ(s.options.sizes, (std::vector<Size>{64, kImixSize, 9000}));
  EXPECT_EQ(s.options.directions, (std::vector{Direction::kDecrypt, Direction::kForward}));
  EXPECT_EQ(s.options.tunnels, (std::vector<uint32_t>{1, 10'000}));
  EXPECT_EQ(s.options.workers, (std::vector<uint16_t>{1, 2}));
  EXPECT_EQ(s.options.bursts, (std::vector<uint32_t>{1, 4, 32}));
  EXPECT_EQ(s.options.routes, (std::vector<uint32_t>{0, 1'000'000}));
  EXPECT_EQ(s.options.order, Order::kSequential);
  EXPECT_FALSE(s.options.limits);
  EXPECT_FALSE(s.options.esn);
}

TEST(Options, LoadsArePartsOrRates) {
  const Said s = read({"--mode", "latency", "--load", "50%,99.5%,1.5"});
  ASSERT_EQ(s.status, -1) << s.err;
  ASSERT_EQ(s.options.loads.size(), 3u);
  EXPECT_EQ(s.options.loads[1].percent, 99.5);
  EXPECT_EQ(s.options.loads[2].percent, 0);
  EXPECT_EQ(s.options.loads[2].packets_per_second, 1.5e6);
}

TEST(Options, EveryAlgorithmOfTheTableIsKnownByItsNameInAnyCase) {
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms) {
    std::string name = a.name;
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    const Said s = read({"--algorithm", name.c_str()});
    ASSERT_EQ(s.status, -1) << s.err;
    EXPECT_EQ(s.options.algorithms, (std::vector{a.algorithm}));
  }
}

struct Mistake {
  std::vector<const char*> words;
  const char* said;  // part of what must be said
};
class OptionMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(OptionMistake, IsNamedWithItsOption) {
  const Said s = read(GetParam().words);
  EXPECT_EQ(s.status, 2);
  EXPECT_NE(s.err.find(GetParam().said), std::string::npos) << s.err;
  EXPECT_NE(s.err.find(GetParam().words[0]), std::string::npos) << s.err;
}

INSTANTIATE_TEST_SUITE_P(
    Each, OptionMistake,
    ::testing::Values(
        Mistake{{"--size", "39"}, "from 40 to 9000"}, Mistake{{"--size", "64,big"}, "\"big\""},
        Mistake{{"--direction", "sideways"}, "forward, encrypt, decrypt"},
        Mistake{{"--algorithm", "ROT13"}, "AES128-GCM-16"},
        Mistake{{"--burst", "0"}, "from 1 to 64"}, Mistake{{"--burst", "65"}, "from 1 to 64"},
        Mistake{{"--workers", "17"}, "from 1 to 16"}, Mistake{{"--tunnels", "-1"}, "\"-1\""},
        Mistake{{"--mode", "fast"}, "cycles, loss, latency"},
        Mistake{{"--order", "any"}, "random, sequential"}, Mistake{{"--load", "101%"}, "\"101%\""},
        Mistake{{"--load", "%"}, "\"%\""}, Mistake{{"--seconds", "0"}, "above 0"},
        Mistake{{"--max-loss", "1.5"}, "up to 1"}, Mistake{{"--window", "100"}, "multiple of 64"},
        Mistake{{"--cores", "3", "--workers", "2"}, "1 given for 2 workers"},
        Mistake{{"--frobnicate"}, "--frobnicate"}));

TEST(Options, HelpNamesEveryOptionAndIsNoError) {
  const Said s = read({"--help"});
  EXPECT_EQ(s.status, 0);
  for (const char* name :
       {"--mode", "--direction", "--size", "--algorithm", "--tunnels", "--order", "--workers",
        "--routes", "--burst", "--seconds", "--trials", "--json", "--plot", "--load", "--max-loss"})
    EXPECT_NE(s.out.find(name), std::string::npos) << name;
}

}  // namespace
}  // namespace kanmon::bench
