// Tables people read, charts browsers draw, JSON programs compare.
#include <cmath>
#include <limits>
#include <stack>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/harness/figure.h"
#include "bench/harness/plot.h"
#include "bench/harness/table.h"

namespace kanmon::bench {
namespace {

TEST(Table, AlignsUnderItsHeadsAndEndsNoLineWithBlanks) {
  Table t({{"NAME", Table::Align::kLeft}, {"CYC/PKT"}, {"WHY", Table::Align::kLeft}});
  t.add({"encrypt", "7.5", ""});
  t.add({"x", "1234.0", "slow"});
  EXPECT_EQ(t.text(),
            "NAME     CYC/PKT  WHY\n"
            "encrypt      7.5\n"
            "x         1234.0  slow\n");
}

TEST(Numbers, AreReadable) {
  EXPECT_EQ(number(1.25, 1), "1.2");
  EXPECT_EQ(number(std::numeric_limits<double>::quiet_NaN(), 1), "-");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(Ticks, AreRoundAndReachTheTop) {
  for (const double max : {0.003, 0.9, 1.0, 7.3, 64.0, 99.0, 420.0, 1643.0, 5e6}) {
    const std::vector<double> t = ticks(max, 8);
    EXPECT_GE(t.back(), max);
    EXPECT_LE(t.size(), 10u) << max;
    const double step = t[1] / std::pow(10, std::floor(std::log10(t[1]) + 1e-9));
    EXPECT_TRUE(std::abs(step - 1) < 1e-6 || std::abs(step - 2) < 1e-6 || std::abs(step - 5) < 1e-6)
        << max;
  }
  EXPECT_EQ(ticks(0, 8), (std::vector<double>{0, 1}));
}

// Every element that is opened is closed, in order; every & begins an entity.
void expect_well_formed(const std::string& xml) {
  std::stack<std::string> open;
  for (std::size_t at = 0; at < xml.size(); ++at) {
    if (xml[at] == '&') {
      EXPECT_NE(xml.find(';', at), std::string::npos);
    }
    if (xml[at] != '<') continue;
    const std::size_t end = xml.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = xml.substr(at + 1, end - at - 1);
    EXPECT_EQ(tag.find('<'), std::string::npos);
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.top(), tag.substr(1));
      open.pop();
    } else if (tag.back() != '/') {
      open.push(tag.substr(0, tag.find(' ')));
    }
    at = end;
  }
  EXPECT_TRUE(open.empty());
}

TEST(Svg, IsWellFormedAndHasAllItIsGiven) {
  const Plot plot{"a < b & c",
                  "x",
                  "y",
                  true,
                  {{"ours", {{64, 100}, {1420, 300}}, false},
                   {"limit", {{64, 60}, {1420, std::numeric_limits<double>::infinity()}}, true}}};
  const std::string text = svg(plot);
  expect_well_formed(text);
  EXPECT_NE(text.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_NE(text.find(">ours<"), std::string::npos);
  EXPECT_NE(text.find("stroke-dasharray"), std::string::npos);
  EXPECT_EQ(text.find("inf"), std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
}

TEST(Svg, OfNothingIsStillAChart) {
  const std::string text = svg({"empty", "x", "y", true, {}});
  expect_well_formed(text);
  EXPECT_EQ(text.find("nan"), std::string::npos);
}

TEST(Svg, HigherValuesAreHigherOnThePage) {
  const std::string text = svg({"", "", "", false, {{"s", {{1, 10}, {2, 90}}, false}}});
  const std::size_t at = text.find("points=\"") + 8;
  double x1, y1, x2, y2;
  ASSERT_EQ(std::sscanf(text.c_str() + at, "%lf,%lf %lf,%lf", &x1, &y1, &x2, &y2), 4);
  EXPECT_LT(x1, x2);
  EXPECT_GT(y1, y2);
}

Results one_figure() {
  Results r;
  CycleFigure f;
  f.what.direction = Direction::kEncrypt;
  f.what.size = 512;
  f.cycles = summarize({200, 210, 205});
  f.stages[static_cast<std::size_t>(Stage::kEncrypt)] = 150;
  f.limit_name = "raw IPsec-MB";
  f.limit = summarize({100, 100, 100});
  f.ratio = summarize({2.0, 2.1, 2.05});
  f.over = summarize({100, 110, 105});
  f.copy = 20;
  r.cycles.push_back(f);
  return r;
}

TEST(Report, JsonHasTheFigureItsLimitAndTheUnitsInTheNames) {
  const auto j = nlohmann::json::parse(as_json(one_figure(), Options{}, 2.6e9));
  EXPECT_EQ(j["tsc_hz"], 2.6e9);
  const auto& f = j["figures"][0];
  EXPECT_EQ(f["direction"], "encrypt");
  EXPECT_EQ(f["algorithm"], "AES128-GCM-16");
  EXPECT_EQ(f["size"], "512");
  EXPECT_EQ(f["cycles_per_packet"]["median"], 205);
  EXPECT_EQ(f["stage_cycles_per_packet"]["encrypt"], 150);
  EXPECT_EQ(f["limit"]["cycles_per_packet"]["median"], 100);
  EXPECT_NEAR(f["ratio_to_limit"]["median"].get<double>(), 2.05, 1e-9);
}

TEST(Report, TableNamesFailures) {
  Results r = one_figure();
  r.failures.push_back({r.cycles[0].what, "packets were lost (route.no_route)"});
  const std::string text = as_table(r, 2.6e9);
  EXPECT_NE(text.find("205.0"), std::string::npos);
  EXPECT_NE(text.find("2.05"), std::string::npos);
  EXPECT_NE(text.find("packets were lost (route.no_route)"), std::string::npos);
}

}  // namespace
}  // namespace kanmon::bench
