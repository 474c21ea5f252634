// Identities between text, value and log (RFC 7296 section 3.5).
#include <cstdio>
#include <string_view>

#include "control/ike/types.h"

namespace kanmon::ike {
namespace {

constexpr std::string_view kKeyIdPrefix = "keyid:";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Octets of "0102ff"; false if it is not an even, non-zero number of hex digits.
bool parse_hex(std::string_view digits, std::vector<uint8_t>& out) {
  if (digits.empty() || digits.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = hex_digit(digits[i]);
    const int low = hex_digit(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return true;
}

Identity of_octets(Identity::Type type, std::string_view text) {
  return {type, {text.begin(), text.end()}};
}

Identity of_address(const wire::IpAddress& a) {
  const wire::Bytes octets = a.bytes();
  return {a.is_v4() ? Identity::Type::kIpv4 : Identity::Type::kIpv6,
          {octets.begin(), octets.end()}};
}

std::string hex(const std::vector<uint8_t>& data) {
  std::string text;
  char two[3];
  for (const uint8_t octet : data) {
    std::snprintf(two, sizeof two, "%02x", octet);
    text += two;
  }
  return text;
}

// A name may come from the peer: what could forge or break a log line is written as \xNN.
std::string escaped(const std::vector<uint8_t>& data) {
  std::string text;
  char four[5];
  for (const uint8_t c : data) {
    if (c > 0x20 && c < 0x7f && c != '\\' && c != '"' && c != '=') {
      text += static_cast<char>(c);
    } else {
      std::snprintf(four, sizeof four, "\\x%02x", c);
      text += four;
    }
  }
  return text;
}

}  // namespace

Identity Identity::parse(const std::string& text) {
  if (const auto address = wire::IpAddress::parse(text); address.ok()) return of_address(*address);
  const std::string_view view = text;
  if (view.substr(0, kKeyIdPrefix.size()) == kKeyIdPrefix) {
    Identity id{Type::kKeyId, {}};
    if (parse_hex(view.substr(kKeyIdPrefix.size()), id.data)) return id;
  }
  const bool email = view.find('@') != std::string_view::npos;
  return of_octets(email ? Type::kEmail : Type::kFqdn, view);
}

std::string Identity::to_string() const {
  switch (type) {
    case Type::kIpv4:
      if (data.size() == 4) return wire::IpAddress::v4(data.data()).to_string();
      break;
    case Type::kIpv6:
      if (data.size() == 16) return wire::IpAddress::v6(data.data()).to_string();
      break;
    case Type::kFqdn:
    case Type::kEmail:
      return escaped(data);
    case Type::kKeyId:
      return std::string(kKeyIdPrefix) + hex(data);
  }
  return "id-" + std::to_string(static_cast<unsigned>(type)) + ":" + hex(data);
}

}  // namespace kanmon::ike
