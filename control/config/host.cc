#include "control/config/host.h"

#include <charconv>

namespace kanmon::config {
namespace {

constexpr std::size_t kLongestDevice = 15;  // IFNAMSIZ with its end
constexpr std::size_t kLongestNamespace = 63;

constexpr Word<HostService> kServices[] = {
    {"icmp", kHostIcmp}, {"bgp", kHostBgp}, {"any", HostService{}}};
constexpr Word<uint8_t> kTransports[] = {{"tcp/", 6}, {"udp/", 17}};

std::optional<HostService> parse(std::string_view text) {
  for (const auto& row : kServices)
    if (row.name == text) return row.value;
  for (const auto& row : kTransports) {
    if (text.substr(0, row.name.size()) != row.name) continue;
    const std::string_view number = text.substr(row.name.size());
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
    if (error == std::errc() && end == number.data() + number.size() && port != 0)
      return HostService{row.value, port};
  }
  return std::nullopt;
}

bool is_file_name(const std::string& text) {
  return !text.empty() && text != "." && text != ".." &&
         text.find_first_of("/: \t") == std::string::npos;
}

}  // namespace

void DeviceName::read(Context& context, const Node& node, std::string& out) {
  auto text = read_text(context, node, kLongestDevice, "a network device");
  if (!text) return;
  if (is_file_name(*text))
    out = std::move(*text);
  else
    context.expected(node, "the name of a network device: 1 to 15 characters, no slash or blank");
}

void DeviceNamespace::read(Context& context, const Node& node, std::string& out) {
  auto text = read_text(context, node, kLongestNamespace, "a network namespace");
  if (!text) return;
  if (is_file_name(*text))
    out = std::move(*text);
  else
    context.expected(node, "the name of a network namespace: no slash or blank");
}

Json DeviceNamespace::schema() {
  return text_schema("^[^/: \\t]{1,63}$");
}

Json DeviceName::schema() {
  return text_schema("^[^/: \\t]{1,15}$");
}

void HostServices::read(Context& context, const Node& node, HostService& out) {
  const auto text = read_text(context, node, 16, "a service");
  if (!text) return;
  if (const auto service = parse(*text))
    out = *service;
  else
    context.expected(node, "icmp, bgp, any, tcp/PORT or udp/PORT");
}

std::string HostServices::show(const HostService& value) {
  for (const auto& row : kServices)
    if (row.value == value) return std::string(row.name);
  for (const auto& row : kTransports)
    if (row.value == value.protocol) return std::string(row.name) + std::to_string(value.port);
  return {};
}

Json HostServices::schema() {
  return text_schema("^(icmp|bgp|any|(tcp|udp)/[0-9]{1,5})$");
}

}  // namespace kanmon::config
