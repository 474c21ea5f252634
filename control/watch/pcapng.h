// A capture file as Wireshark reads it: pcapng (draft-ietf-opsawg-pcapng), little-endian. Pure:
// blocks are appended to a string, whoever owns it writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/wire/bytes.h"

namespace kanmon::watch::pcapng {

enum class Link : uint16_t { kEthernet = 1, kRawIp = 101 };
enum class Direction : uint8_t { kUnknown, kIn, kOut };

struct Packet {
  uint32_t interface = 0;  // the how-manieth interface block, from 0
  uint64_t time_ns = 0;    // since 1970
  uint32_t length = 0;     // of the packet; `octets` may be fewer
  wire::Bytes octets;
  Direction direction = Direction::kUnknown;
  std::string comment;  // empty: none
};

// First of all: who wrote the file.
void begin(std::string& out, std::string_view application);
// An interface's block; must come before its packets. `snap`: octets kept of a packet, 0: all.
void interface(std::string& out, Link link, uint32_t snap, std::string_view name);
void packet(std::string& out, const Packet& packet);
// Last of all, for each interface: how many packets it did not take.
void statistics(std::string& out, uint32_t interface, uint64_t time_ns, uint64_t lost);

}  // namespace kanmon::watch::pcapng
