#include "control/watch/filter_text.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "control/config/problems.h"
#include "control/log/text.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/headers.h"

namespace kanmon::watch {
namespace {

using observe::Filter;
using observe::PortRange;

struct Word {
  std::string_view text;
  uint32_t column;
};

// What a setter has to say against a value; empty: it is taken.
using Setter = std::string (*)(std::string_view value, const Names& names, Filter& filter);

struct Condition {
  const char* word;
  const char* value;
  const char* help;
  Setter set;
};

struct Protocol {
  const char* name;
  uint8_t number;
};
constexpr Protocol kProtocols[] = {{"icmp", wire::kProtocolIcmp},
                                   {"tcp", wire::kProtocolTcp},
                                   {"udp", wire::kProtocolUdp},
                                   {"esp", wire::kProtocolEsp},
                                   {"icmp6", wire::kProtocolIcmp6},
                                   {"sctp", 132},
                                   {"gre", 47}};

// A whole number of at most `limit`.
template <class T>
std::optional<T> number(std::string_view text, T limit, int base = 10) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const bool whole = !text.empty() && problem == std::errc() && end == text.data() + text.size();
  return whole && value <= limit ? std::optional<T>(value) : std::nullopt;
}

template <std::optional<wire::Prefix> Filter::*kMember>
std::string set_prefix(std::string_view value, const Names&, Filter& f) {
  const Result<wire::Prefix> prefix = wire::Prefix::parse(value);
  if (!prefix.ok()) return "expected an address or a prefix without host bits";
  f.*kMember = *prefix;
  return {};
}

std::string set_protocol(std::string_view value, const Names&, Filter& f) {
  for (const Protocol& p : kProtocols)
    if (value == p.name) f.protocol = p.number;
  if (!f.protocol) f.protocol = number<uint8_t>(value, 255);
  return f.protocol ? "" : "expected tcp, udp, icmp, icmp6, esp, gre, sctp or a number up to 255";
}

template <PortRange Filter::*kMember>
std::string set_port(std::string_view value, const Names&, Filter& f) {
  const std::size_t dash = value.find('-');
  const auto first = number<uint16_t>(value.substr(0, dash), 0xffff);
  const auto last =
      dash == std::string_view::npos ? first : number<uint16_t>(value.substr(dash + 1), 0xffff);
  if (!first || !last || *first > *last) return "expected a port or a range such as 1000-2000";
  f.*kMember = {*first, *last};
  return {};
}

std::string set_spi(std::string_view value, const Names& names, Filter& f) {
  if (value.starts_with("0x")) value.remove_prefix(2);
  f.spi = number<uint32_t>(value, ~uint32_t{0}, 16);
  if (!f.spi || *f.spi == 0) return "expected an SPI in hex, as show sas prints it";
  f.spi_tunnel = names.tunnel_sending(*f.spi);
  return {};
}

std::string set_tunnel(std::string_view value, const Names& names, Filter& f) {
  f.tunnel = names.tunnel(value);
  return f.tunnel ? "" : "no tunnel is called " + log::printable(value, 64);
}

constexpr Condition kConditions[] = {
    {"src", "PREFIX", "the packet comes from there", set_prefix<&Filter::source>},
    {"dst", "PREFIX", "it goes there", set_prefix<&Filter::destination>},
    {"host", "PREFIX", "one or the other", set_prefix<&Filter::host>},
    {"proto", "NAME", "tcp, udp, icmp, icmp6, esp, gre, sctp or a number", set_protocol},
    {"sport", "PORT[-PORT]", "its source port", set_port<&Filter::source_port>},
    {"dport", "PORT[-PORT]", "its destination port", set_port<&Filter::destination_port>},
    {"port", "PORT[-PORT]", "one or the other", set_port<&Filter::port>},
    {"spi", "HEX", "of the ESP packet, or of the SA it came by or leaves by", set_spi},
    {"tunnel", "NAME", "it came by or leaves by", set_tunnel},
};

std::vector<Word> words_of(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<Word> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(kBlanks, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back({text.substr(at, end - at), static_cast<uint32_t>(at) + 1});
    at = end;
  }
  return words;
}

ParsedFilter wrong(const Word& word, std::string mistake) {
  return {std::nullopt, word.column, std::move(mistake)};
}

ParsedFilter unknown(const Word& word) {
  std::vector<std::string_view> known;
  for (const Condition& c : kConditions) known.emplace_back(c.word);
  return wrong(word, "there is no condition \"" + log::printable(word.text, 64) + "\"" +
                         config::did_you_mean(word.text, known));
}

const Condition* condition(std::string_view word) {
  for (const Condition& c : kConditions)
    if (word == c.word) return &c;
  return nullptr;
}

}  // namespace

ParsedFilter parse_filter(std::string_view text, const Names& names) {
  if (text.size() > kFilterOctets)
    return {std::nullopt, kFilterOctets, "a filter has at most 1024 characters"};
  Filter filter;
  std::vector<const Condition*> seen;
  const std::vector<Word> words = words_of(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].text == "and" && !seen.empty() && i + 1 < words.size()) continue;
    const Condition* c = condition(words[i].text);
    if (c == nullptr) return unknown(words[i]);
    if (std::find(seen.begin(), seen.end(), c) != seen.end())
      return wrong(words[i], std::string(c->word) + " is there already");
    if (i + 1 == words.size())
      return wrong(words[i], std::string(c->word) + " needs a value: " + c->value);
    const std::string against = c->set(words[++i].text, names, filter);
    if (!against.empty()) return wrong(words[i], against);
    seen.push_back(c);
  }
  return {filter, 0, {}};
}

std::string filter_help() {
  std::string out;
  for (const Condition& c : kConditions) {
    const std::string left = std::string("  ") + c.word + " " + c.value;
    out += left + std::string(left.size() < 22 ? 22 - left.size() : 1, ' ') + c.help + "\n";
  }
  return out;
}

}  // namespace kanmon::watch
