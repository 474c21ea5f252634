// Which packets are watched. Every condition that is set must hold; without one all packets match.
//
// control/observe/filter_text.h makes one from words and resolves names. Fixed size, copied by
// value.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/observe/flow.h"
#include "dataplane/packet/packet.h"
#include "dataplane/wire/address.h"

namespace kanmon::observe {

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0xffff;

  bool contains(uint16_t port) const { return port >= first && port <= last; }
  bool is_any() const { return first == 0 && last == 0xffff; }
};

struct Filter {
  std::optional<wire::Prefix> source;
  std::optional<wire::Prefix> destination;
  std::optional<wire::Prefix> host;  // source or destination
  std::optional<uint8_t> protocol;
  PortRange source_port;            // if not any: only packets with ports match
  PortRange destination_port;       // likewise
  PortRange port;                   // likewise; source or destination
  std::optional<uint32_t> spi;      // of the ESP packet itself, or of the SA it went through
  uint32_t spi_tunnel = kNoTunnel;  // `spi` is the one this tunnel's packets leave with
  std::optional<uint32_t> tunnel;   // that it came out of or goes into
};

// The SAs a packet has to do with, besides what its header says.
struct Passage {
  uint32_t inbound_spi = 0;         // it was decrypted with; 0: was not
  uint32_t tunnel_in = kNoTunnel;   // it came out of, or (ESP) belongs to
  uint32_t tunnel_out = kNoTunnel;  // it goes into
};

bool matches(const Filter& filter, const Flow& flow, const Passage& passage);

}  // namespace kanmon::observe
