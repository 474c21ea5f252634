// IP addresses, prefixes and UDP endpoints as values. Addresses are held in network order.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "dataplane/common/byteorder.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::wire {

enum class Family : uint8_t { kV4 = 4, kV6 = 6 };

// An IPv4 or IPv6 address. An IPv4 address uses the first four octets, the rest are zero, so that
// comparison and hashing may look at all sixteen.
struct IpAddress {
  std::array<uint8_t, 16> octets{};
  Family family = Family::kV4;

  static IpAddress v4(uint32_t host_order) {
    IpAddress a;
    store_be(a.octets.data(), host_order);
    return a;
  }
  static IpAddress v4(const uint8_t* network_order) {
    IpAddress a;
    std::memcpy(a.octets.data(), network_order, 4);
    return a;
  }
  static IpAddress v6(const uint8_t* network_order) {
    IpAddress a;
    a.family = Family::kV6;
    std::memcpy(a.octets.data(), network_order, 16);
    return a;
  }
  // From text such as "192.0.2.1" or "2001:db8::1"; kBadValue otherwise.
  static Result<IpAddress> parse(std::string_view text);

  bool is_v4() const { return family == Family::kV4; }
  uint8_t size() const { return is_v4() ? 4 : 16; }
  uint8_t bits() const { return static_cast<uint8_t>(size() * 8); }
  // REQUIRES: is_v4().
  uint32_t v4_host() const { return load_be<uint32_t>(octets.data()); }
  Bytes bytes() const { return Bytes(octets).first(size()); }
  bool is_unspecified() const { return octets == decltype(octets){}; }
  bool is_multicast() const;
  bool is_loopback() const;
  bool is_link_local() const;
  std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// An address with a length; host bits are kept zero by make().
struct Prefix {
  IpAddress address;
  uint8_t length = 0;

  // Clears the host bits. REQUIRES: length <= address.bits().
  static Prefix make(IpAddress address, uint8_t length);
  // A single address.
  static Prefix host(IpAddress address) { return {address, address.bits()}; }
  // From "10.0.0.0/8"; a missing length means a host. Host bits set are kBadValue.
  static Result<Prefix> parse(std::string_view text);
  bool contains(const IpAddress& a) const;
  bool contains(const Prefix& p) const { return p.length >= length && contains(p.address); }
  std::string to_string() const;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

// The address with bits below `length` cleared (or, with `fill`, set).
IpAddress mask(IpAddress a, uint8_t length, bool fill = false);

// An address of an interface with the length of its subnet: host bits are kept.
struct InterfaceAddress {
  IpAddress address;
  uint8_t length = 0;

  static Result<InterfaceAddress> parse(std::string_view text);
  Prefix subnet() const { return Prefix::make(address, length); }
  std::string to_string() const;
  friend auto operator<=>(const InterfaceAddress&, const InterfaceAddress&) = default;
};

// A UDP endpoint; the port is in host order.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  std::string to_string() const;  // "192.0.2.1:500", "[2001:db8::1]:500"
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

using MacAddress = std::array<uint8_t, 6>;
std::string to_string(const MacAddress& mac);

}  // namespace kanmon::wire
