#include "dataplane/wire/address.h"

#include <charconv>
#include <cstdio>

#include <arpa/inet.h>

namespace kanmon::wire {

Result<IpAddress> IpAddress::parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return Errc::kBadValue;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  IpAddress a;
  a.family = text.find(':') == std::string_view::npos ? Family::kV4 : Family::kV6;
  const int af = a.is_v4() ? AF_INET : AF_INET6;
  if (inet_pton(af, buffer, a.octets.data()) != 1) return Errc::kBadValue;
  return a;
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (octets[0] & 0xf0) == 0xe0 : octets[0] == 0xff;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return octets[0] == 127;
  IpAddress one;
  one.family = Family::kV6;
  one.octets[15] = 1;
  return *this == one;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return octets[0] == 169 && octets[1] == 254;
  return octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

std::string IpAddress::to_string() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, octets.data(), buffer, sizeof buffer);
  return buffer;
}

IpAddress mask(IpAddress a, uint8_t length, bool fill) {
  for (unsigned i = 0; i < a.size(); ++i) {
    const int keep = static_cast<int>(length) - static_cast<int>(8 * i);
    const uint8_t m = keep >= 8 ? 0xff : keep <= 0 ? 0 : static_cast<uint8_t>(0xff << (8 - keep));
    a.octets[i] = static_cast<uint8_t>(fill ? (a.octets[i] | ~m) : (a.octets[i] & m));
  }
  return a;
}

Prefix Prefix::make(IpAddress address, uint8_t length) {
  return {mask(address, length), length};
}

bool Prefix::contains(const IpAddress& a) const {
  return a.family == address.family && mask(a, length) == address;
}

namespace {

// Splits "address/length"; without a slash the length is the family's full one.
Result<InterfaceAddress> split(std::string_view text) {
  const auto slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address.ok()) return address.error();
  InterfaceAddress out{*address, address->bits()};
  if (slash == std::string_view::npos) return out;
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (ec != std::errc{} || end != digits.data() + digits.size() || length > address->bits())
    return Error{Errc::kBadValue, static_cast<uint32_t>(slash + 1)};
  out.length = static_cast<uint8_t>(length);
  return out;
}

}  // namespace

Result<Prefix> Prefix::parse(std::string_view text) {
  auto parts = split(text);
  if (!parts.ok()) return parts.error();
  Prefix p{parts->address, parts->length};
  if (make(p.address, p.length) != p) return Errc::kBadValue;
  return p;
}

std::string Prefix::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

Result<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  return split(text);
}

std::string InterfaceAddress::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

std::string Endpoint::to_string() const {
  const std::string host = address.is_v4() ? address.to_string() : "[" + address.to_string() + "]";
  return host + ":" + std::to_string(port);
}

std::string to_string(const MacAddress& m) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
                m[5]);
  return text;
}

}  // namespace kanmon::wire
