// The octets of an FPM connection as frames: FRR's Forwarding Plane Manager, as the plugin
// dplane_fpm_nl speaks it. A frame is a header of four octets (version, type, length in network
// order with the header) and netlink messages, several in one if they belong together.
//
// Pure. What a peer sends is bounded by the length's 16 bits: no more than one frame is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/common/result.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::fpm {

inline constexpr uint8_t kVersion = 1, kTypeNetlink = 1, kHeaderBytes = 4;
inline constexpr uint16_t kDefaultPort = 2620;

class Frames {
 public:
  // Appends what was received.
  void feed(wire::Bytes octets);
  // The payload of the next whole frame; it stays valid until the next call. Absent: more octets
  // are needed. kUnsupported: another version or type; kBadLength: a length below the header's.
  // After an error nothing can be told any more and the connection has to end.
  Result<std::optional<wire::Bytes>> next();
  void clear();

 private:
  std::vector<uint8_t> held_;
  size_t taken_ = 0;  // of held_, by next()
};

}  // namespace kanmon::fpm
