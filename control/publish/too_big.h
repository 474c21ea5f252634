// What an ICMP "too big" from outside says, and how much of it may be believed (RFC 1191, RFC 8201,
// RFC 4301 section 8.2.1). Pure.
//
// Anybody can send one. It is heard only if what it quotes is ESP; whether the SA lives, SaStore
// knows (ESP-31).
#pragma once

#include <cstdint>

#include "dataplane/common/result.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::publish {

struct TooBig {
  wire::Endpoint local;   // source of the quoted packet: who it says has sent it …
  wire::Endpoint remote;  // … and to whom; ports are 0 for ESP without UDP
  bool udp = false;
  uint32_t spi = 0;
  uint32_t sequence_low = 0;
  uint16_t mtu = 0;     // as announced; 0: the router does not know (RFC 1191 section 5)
  uint16_t length = 0;  // of the packet that did not fit
};

// Reads a whole IP packet with a destination unreachable/fragmentation needed (RFC 792 type 3 code
// 4) or packet too big (RFC 4443 type 2) inside; its checksums are the worker's matter.
// kUnsupported: another message, or it quotes no ESP; kTruncated: not enough of it to see the
// sequence number.
Result<TooBig> parse_too_big(wire::Bytes packet);

// The MTU to use for a path that now takes `now` octets. Never more than that, nor less than every
// path takes: 576 (RFC 791 section 3.1) or 1280 (RFC 8200 section 5). `now` itself: the message
// changes nothing.
uint16_t believed_mtu(const TooBig& message, uint16_t now);

}  // namespace kanmon::publish
