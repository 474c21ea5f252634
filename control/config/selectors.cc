#include "control/config/selectors.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace kanmon::config {
namespace {

constexpr Word<uint8_t> kProtocols[] = {
    {"any", 0},   {"icmp", 1},   {"tcp", 6},    {"udp", 17},    {"dccp", 33},
    {"gre", 47},  {"esp", 50},   {"ah", 51},    {"icmpv6", 58}, {"ospf", 89},
    {"pim", 103}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132},  {"udplite", 136},
};

bool has_ports(uint8_t protocol) {
  return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

std::string protocol_name(uint8_t protocol) {
  const std::string name = Choice<kProtocols>::show(protocol);
  return name.empty() ? std::to_string(protocol) : name;
}

bool set_prefix(std::string_view text, sa::Selector& out) {
  const auto prefix = wire::Prefix::parse(text);
  if (!prefix.ok()) return false;
  const sa::Selector of = sa::Selector::of(*prefix);
  out.start = of.start;
  out.end = of.end;
  return true;
}

bool set_range(std::string_view text, sa::Selector& out) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto start = wire::IpAddress::parse(text.substr(0, dash));
  const auto end = wire::IpAddress::parse(text.substr(dash + 1));
  if (!start.ok() || !end.ok() || start->family != end->family || *end < *start) return false;
  out.start = *start;
  out.end = *end;
  return true;
}

struct SelectorPrefix {
  static void read(Context& context, const Node& node, sa::Selector& out) {
    wire::Prefix prefix;
    const std::size_t before = context.problems().errors();
    PrefixText::read(context, node, prefix);
    if (context.problems().errors() == before) set_prefix(node.text, out);
  }
  static std::string show(const sa::Selector&) { return {}; }
  static Json schema() { return PrefixText::schema(); }
};

struct SelectorRange {
  static void read(Context& context, const Node& node, sa::Selector& out) {
    if (node.kind != Node::Kind::kScalar || !set_range(node.text, out))
      context.expected(node, "a range of addresses, as in 10.1.0.1-10.1.0.9");
  }
  static std::string show(const sa::Selector&) { return {}; }
  static Json schema() { return text_schema(); }
};

struct SelectorProtocol {
  static void read(Context& context, const Node& node, sa::Selector& out) {
    uint8_t number = 0;
    const char* end = node.text.data() + node.text.size();
    const auto [stop, ec] = std::from_chars(node.text.data(), end, number);
    if (node.kind == Node::Kind::kScalar && !node.text.empty() && ec == std::errc{} &&
        stop == end) {
      out.protocol = number;
      return;
    }
    for (const auto& word : kProtocols) {
      if (node.kind == Node::Kind::kScalar && node.text == word.name) {
        out.protocol = word.value;
        return;
      }
    }
    context.expected(node, "a protocol: a number from 0 to 255 or a name such as tcp, udp, icmp" +
                               did_you_mean(node.text, Choice<kProtocols>::names()));
  }
  static std::string show(const sa::Selector&) { return {}; }
  static Json schema() {
    return {{"oneOf",
             Json::array({integer_schema(0, 255), words_schema(Choice<kProtocols>::names())})}};
  }
};

struct SelectorPorts {
  static void read(Context& context, const Node& node, sa::Selector& out) {
    if (node.kind == Node::Kind::kScalar && node.text == "any") return;
    if (node.kind == Node::Kind::kScalar && node.text == "opaque") return out.make_opaque();
    const char* at = node.text.data();
    const char* end = at + node.text.size();
    uint16_t low = 0;
    auto [stop, ec] = std::from_chars(at, end, low);
    uint16_t high = low;
    bool good = node.kind == Node::Kind::kScalar && ec == std::errc{};
    if (good && stop != end && *stop == '-') {
      const auto second = std::from_chars(stop + 1, end, high);
      good = second.ec == std::errc{};
      stop = second.ptr;
    }
    if (good && stop == end && low <= high) {
      out.port_start = low;
      out.port_end = high;
    } else {
      context.expected(node, "a port, a range as in 80-90, any, or opaque");
    }
  }
  static std::string show(const sa::Selector&) { return {}; }
  static Json schema() {
    return {{"oneOf", Json::array({integer_schema(0, 65535),
                                   text_schema("^(any|opaque|[0-9]+(-[0-9]+)?)$")})}};
  }
};

constexpr auto kWhole = [](auto& s) -> auto& {
  return s;
};
constexpr Key<sa::Selector> kItemKeys[] = {
    key<sa::Selector, SelectorPrefix>("prefix", kWhole, "Addresses as a prefix."),
    key<sa::Selector, SelectorRange>("range", kWhole, "Addresses from-to; instead of prefix."),
    key<sa::Selector, SelectorProtocol>("protocol", kWhole, "IP protocol by number or name.",
                                        "any"),
    key<sa::Selector, SelectorPorts>(
        "ports", kWhole,
        "Port or range of ports, which needs a protocol that has them; opaque: later fragments, "
        "which have none.",
        "any"),
};

}  // namespace

template <>
void finish(Context& context, sa::Selector& selector) {
  if (context.given_here("prefix") == context.given_here("range"))
    context.error_here("needs exactly one of prefix and range");
  if (!selector.any_port() && !selector.opaque_port() && !has_ports(selector.protocol))
    context.error_here("has ports, expected protocol tcp, udp, dccp, sctp or udplite with them");
}

void SelectorItem::read(Context& context, const Node& node, sa::Selector& out) {
  if (node.kind == Node::Kind::kMap) {
    read_section<sa::Selector>(context, node, kItemKeys, out);
  } else if (node.kind != Node::Kind::kScalar || !set_range(node.text, out)) {
    SelectorPrefix::read(context, node, out);
  }
}

Json SelectorItem::schema() {
  return {{"oneOf", Json::array({text_schema(), section_schema<sa::Selector>(kItemKeys)})}};
}

std::string SelectorItem::show(const sa::Selector& selector) {
  return to_string(selector);
}

std::string to_string(const sa::Selector& s) {
  std::string out = s.start.to_string() + "-" + s.end.to_string();
  for (unsigned length = 0; length <= s.start.bits(); ++length) {
    const auto prefix = wire::Prefix::make(s.start, static_cast<uint8_t>(length));
    const sa::Selector whole = sa::Selector::of(prefix);
    if (whole.start == s.start && whole.end == s.end) out = prefix.to_string();
  }
  if (s.protocol != 0) out += " " + protocol_name(s.protocol);
  if (s.opaque_port()) return out + " opaque";
  if (!s.any_port())
    out += " " + std::to_string(s.port_start) +
           (s.port_start == s.port_end ? "" : "-" + std::to_string(s.port_end));
  return out;
}

namespace {

// The address after `a`; false if `a` is the last one.
bool next(wire::IpAddress& a) {
  for (std::size_t i = a.size(); i-- > 0;)
    if (++a.octets[i] != 0) return true;
  return false;
}

}  // namespace

bool covers(const std::vector<sa::Selector>& selectors, const wire::Prefix& prefix) {
  std::vector<sa::Selector> sorted;
  for (const auto& s : selectors)
    if (s.start.family == prefix.address.family) sorted.push_back(s);
  std::sort(sorted.begin(), sorted.end());
  wire::IpAddress wanted = prefix.address;
  const wire::IpAddress last = wire::mask(prefix.address, prefix.length, true);
  for (const auto& s : sorted) {
    if (wanted < s.start) return false;
    if (s.end < wanted) continue;
    if (last <= s.end) return true;
    wanted = s.end;
    if (!next(wanted)) return true;
  }
  return false;
}

}  // namespace kanmon::config
