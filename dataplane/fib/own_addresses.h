// Is an address one of the gateway's own, in this route table? Asked of the source of every packet
// that comes in, so nearly always answered by one bit: a filter of 256 bits says "no" for certain,
// and only its "perhaps" costs a lookup, which is exact.
//
// Part of a table's record: control fills it with the addresses it installs as local routes, before
// the workers get it; read-only from then on. A table with hundreds of addresses fills the filter
// and pays the lookup for each packet: slower, never wrong.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/common/byteorder.h"
#include "dataplane/fib/lpm4.h"
#include "dataplane/fib/lpm6.h"
#include "dataplane/wire/address.h"

namespace kanmon::fib {

class OwnAddresses {
 public:
  void add(const wire::IpAddress& address) {
    set(address.is_v4() ? bit4(address.v4_host()) : bit6(address.octets.data()));
  }

  // `address` in host order; `lpm`: of the same table, null if it has no routes.
  bool holds4(const Lpm4* lpm, uint32_t address) const {
    return get(bit4(address)) && lpm != nullptr &&
           lpm->lookup(address).kind() == NextHopKind::kLocal;
  }
  // `address`: 16 octets in network order.
  bool holds6(const Lpm6* lpm, const uint8_t* address) const {
    return get(bit6(address)) && lpm != nullptr && is_local6(*lpm, address);
  }

 private:
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;  // spreads neighbours over all bits

  static uint8_t bit4(uint32_t address) { return static_cast<uint8_t>(address * kGolden >> 56); }
  static uint8_t bit6(const uint8_t* address) {
    uint64_t high, low;
    std::memcpy(&high, address, 8);
    std::memcpy(&low, address + 8, 8);
    return static_cast<uint8_t>((high * kGolden ^ low) * kGolden >> 56);
  }
  static bool is_local6(const Lpm6& lpm, const uint8_t* address) {
    Address6 key;
    std::memcpy(key.data(), address, key.size());
    return lpm.lookup(key).kind() == NextHopKind::kLocal;
  }
  void set(uint8_t bit) { bits_[bit / 64] |= uint64_t{1} << bit % 64; }
  bool get(uint8_t bit) const { return (bits_[bit / 64] >> bit % 64 & 1) != 0; }

  uint64_t bits_[4] = {};
};

}  // namespace kanmon::fib
