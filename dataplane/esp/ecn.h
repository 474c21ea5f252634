// ECN across a tunnel (RFC 6040): copied inwards out at the entry, combined at the exit.
#pragma once

#include <cstdint>

namespace kanmon::esp {

// The two bits as they are in the header.
enum class Ecn : uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

struct EcnResult {
  Ecn inner;    // what the inner header must say now
  bool drop;    // the congestion cannot be passed on: drop the packet
  bool unused;  // a combination section 4.2 calls currently unused: worth counting
};

// Figure 4 of section 4.2, row = inner, column = outer, both in the order of Ecn.
inline constexpr EcnResult kEcnDecapsulation[4][4] = {
    // outer: Not-ECT, ECT(1), ECT(0), CE
    {{Ecn::kNotEct, false, false},
     {Ecn::kNotEct, false, true},
     {Ecn::kNotEct, false, true},
     {Ecn::kNotEct, true, true}},
    {{Ecn::kEct1, false, false},
     {Ecn::kEct1, false, false},
     {Ecn::kEct1, false, true},
     {Ecn::kCe, false, false}},
    {{Ecn::kEct0, false, false},
     {Ecn::kEct1, false, false},
     {Ecn::kEct0, false, false},
     {Ecn::kCe, false, false}},
    {{Ecn::kCe, false, false},
     {Ecn::kCe, false, true},
     {Ecn::kCe, false, false},
     {Ecn::kCe, false, false}},
};

constexpr EcnResult ecn_decapsulated(Ecn inner, Ecn outer) {
  return kEcnDecapsulation[static_cast<uint8_t>(inner)][static_cast<uint8_t>(outer)];
}

}  // namespace kanmon::esp
