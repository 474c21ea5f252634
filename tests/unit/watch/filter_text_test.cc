// The words of a filter: what they mean, and what is said of mistakes and where.
#include "control/watch/filter_text.h"

#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/cli/commands.h"

namespace kanmon::watch {
namespace {

using observe::Filter;
using observe::Flow;
using observe::Passage;
using ::testing::HasSubstr;

Names names() {
  return {[](std::string_view name) {
            return name == "branch" ? std::optional<uint32_t>(7) : std::nullopt;
          },
          [](uint32_t spi) { return spi == 0xc0ffee01 ? 7u : kNoTunnel; }};
}

Flow flow(const char* from, const char* to, uint8_t protocol = 17, uint16_t sport = 1000,
          uint16_t dport = 53) {
  Flow f;
  f.source = wire::IpAddress::parse(from).value();
  f.destination = wire::IpAddress::parse(to).value();
  f.protocol = protocol;
  f.has_ports = protocol == 17 || protocol == 6;
  f.source_port = sport;
  f.destination_port = dport;
  return f;
}

bool takes(const char* text, const Flow& flow, const Passage& passage = {}) {
  const ParsedFilter parsed = parse_filter(text, names());
  EXPECT_TRUE(parsed.filter) << text << ": " << parsed.to_string();
  return parsed.filter && matches(*parsed.filter, flow, passage);
}

TEST(FilterText, NothingTakesEverything) {
  EXPECT_TRUE(takes("", flow("10.1.0.9", "10.2.0.1")));
  EXPECT_TRUE(takes("  \t ", flow("2001:db8::1", "2001:db8::2", 58)));
}

TEST(FilterText, EveryConditionMustHold) {
  const Flow f = flow("10.1.0.9", "10.2.0.1");
  const std::pair<const char*, bool> kRows[] = {
      {"src 10.1.0.9", true},
      {"src 10.1.0.0/16 and dst 10.2.0.0/16", true},
      {"src 10.2.0.0/16", false},
      {"dst 10.1.0.9", false},
      {"host 10.1.0.9", true},
      {"host 10.2.0.1", true},
      {"host 10.3.0.0/24", false},
      {"src 0.0.0.0/0", true},
      {"src ::/0", false},
      {"proto udp", true},
      {"proto 17", true},
      {"proto tcp", false},
      {"sport 1000", true},
      {"sport 53", false},
      {"dport 53 sport 1000", true},
      {"dport 50-60", true},
      {"dport 54-60", false},
      {"port 53", true},
      {"port 1000-1001", true},
      {"port 54", false},
      {"src 10.1.0.9 dst 10.2.0.1 proto udp sport 1000 dport 53", true},
      {"src 10.1.0.9 dst 10.2.0.1 proto udp sport 1000 dport 54", false},
  };
  for (const auto& [text, taken] : kRows) EXPECT_EQ(takes(text, f), taken) << text;
  EXPECT_TRUE(takes("src 2001:db8::/32", flow("2001:db8::1", "2001:db8::2")));
  // What has no ports is on none.
  EXPECT_FALSE(takes("port 0-65534", flow("10.1.0.9", "10.2.0.1", 1)));
}

TEST(FilterText, SpiMeansThePacketAndTheSaItWentThrough) {
  Flow esp = flow("192.0.2.9", "192.0.2.1", 50);
  esp.has_spi = true;
  esp.spi = 0xc0ffee02;
  EXPECT_TRUE(takes("spi c0ffee02", esp));
  EXPECT_TRUE(takes("spi 0xC0FFEE02", esp));
  EXPECT_FALSE(takes("spi c0ffee01", esp));
  const Flow inner = flow("10.2.0.1", "10.1.0.9");
  EXPECT_TRUE(takes("spi c0ffee02", inner, {0xc0ffee02, 3, kNoTunnel}));
  EXPECT_FALSE(takes("spi c0ffee02", inner));
  EXPECT_TRUE(takes("spi c0ffee01", inner, {0, kNoTunnel, 7}));  // it will leave with it
  EXPECT_FALSE(takes("spi c0ffee01", inner, {0, kNoTunnel, 8}));
  EXPECT_FALSE(takes("spi c0ffee02", inner, {0, kNoTunnel, 7}));
}

TEST(FilterText, TunnelMeansEitherWay) {
  const Flow f = flow("10.1.0.9", "10.2.0.1");
  EXPECT_TRUE(takes("tunnel branch", f, {0, 7, kNoTunnel}));
  EXPECT_TRUE(takes("tunnel branch", f, {0, kNoTunnel, 7}));
  EXPECT_FALSE(takes("tunnel branch", f, {0, 8, kNoTunnel}));
  EXPECT_FALSE(takes("tunnel branch", f));
}

TEST(FilterText, MistakesAreNamedWithTheirPlace) {
  struct Row {
    const char* text;
    uint32_t column;
    const char* says;
  };
  const Row kRows[] = {
      {"hots 10.0.0.1", 1, "did you mean"},
      {"src 10.0.0.1 frob 1", 14, "no condition \"frob\""},
      {"src", 1, "needs a value: PREFIX"},
      {"proto udp dport", 11, "needs a value: PORT"},
      {"src 10.0.0.1 src 10.0.0.2", 14, "already"},
      {"src 10.0.0.1/8", 5, "without host bits"},
      {"src 10.0.0.0/33", 5, "prefix"},
      {"dst example.com", 5, "address"},
      {"proto ipx", 7, "tcp, udp"},
      {"proto 256", 7, "tcp, udp"},
      {"proto -1", 7, "tcp, udp"},
      {"port 65536", 6, "port"},
      {"port 9-3", 6, "range"},
      {"port 1-2-3", 6, "range"},
      {"port 1-", 6, "range"},
      {"port 5x", 6, "port"},
      {"spi 0", 5, "SPI"},
      {"spi 1c0ffee01", 5, "SPI"},
      {"spi 0x", 5, "SPI"},
      {"tunnel nowhere", 8, "no tunnel is called nowhere"},
      {"and src 10.0.0.1", 1, "no condition \"and\""},
      {"src 10.0.0.1 and", 14, "no condition \"and\""},
      {"src\x1b[2J 10.0.0.1", 1, "\\x1b"},
  };
  for (const Row& row : kRows) {
    const ParsedFilter parsed = parse_filter(row.text, names());
    EXPECT_FALSE(parsed.filter) << row.text;
    EXPECT_EQ(parsed.column, row.column) << row.text;
    EXPECT_THAT(parsed.mistake, HasSubstr(row.says)) << row.text;
  }
  EXPECT_FALSE(parse_filter(std::string(kFilterOctets + 1, ' '), names()).filter);
}

TEST(FilterText, TheCommandLinesHelpHasEveryCondition) {
  std::ostringstream out, err;
  const char* kArgs[] = {"kanmon", "trace", "--help"};
  EXPECT_EQ(cli::run(3, kArgs, out, err), cli::kOk);
  EXPECT_THAT(out.str(), HasSubstr(filter_help()));
}

}  // namespace
}  // namespace kanmon::watch
