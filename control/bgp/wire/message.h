// BGP messages in a stream of octets: type, length, where one ends. RFC 4271 sections 4.1 and 6.1,
// RFC 8654 for longer ones, RFC 7313 section 5 for what is special about ROUTE-REFRESH.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/bgp/wire/notification.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::bgp {

enum class MessageType : uint8_t {
  kOpen = 1,
  kUpdate = 2,
  kNotification = 3,
  kKeepalive = 4,
  kRouteRefresh = 5,
};
// "OPEN"; never null.
const char* to_string(MessageType type);

inline constexpr std::size_t kHeaderBytes = 19;
inline constexpr std::size_t kMaxMessage = 4096;
inline constexpr std::size_t kMaxExtendedMessage = 65535;  // if both sides said so (RFC 8654)

struct Frame {
  MessageType type = MessageType::kKeepalive;
  wire::Bytes body;      // behind the header, in place
  std::size_t size = 0;  // of the whole message; 0: the stream does not hold all of it yet
};

// Looks at the start of `stream`. A header is judged as soon as it is there, before its body is
// awaited, so that a reader never needs more room than `longest` octets (kMaxMessage or
// kMaxExtendedMessage). The refusal is what the peer is told: 1/1, 1/2, 1/3.
Verdict next_message(wire::Bytes stream, std::size_t longest, Frame& out);

// Writes the header of a message whose length is not known yet; finish_message() fills it in.
void begin_message(wire::Writer& w, MessageType type);
// REQUIRES: the message began at offset 0 of `w`.
void finish_message(wire::Writer& w);

Octets keepalive();

}  // namespace kanmon::bgp
