// Prefixes as UPDATEs carry them: RFC 4271 section 4.3, with path ids of RFC 7911 section 3.
#pragma once

#include <cstdint>
#include <vector>

#include "control/bgp/attributes.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::bgp {

// Reads a whole field, adding to `out`; host bits are cleared. False if it is syntactically
// incorrect (RFC 7606 section 5.3): a length beyond the family's, octets that end within a prefix;
// then `out` holds what came before. Prefixes that cannot be routed (is_martian) are left out and
// counted.
bool parse_nlri(wire::Bytes field, wire::Family family, bool path_ids, std::vector<Nlri>& out,
                uint64_t& martians);

// Octets of one prefix on the wire.
inline std::size_t nlri_bytes(const Nlri& n, bool path_ids) {
  return (path_ids ? 5u : 1u) + (n.prefix.length + 7u) / 8u;
}
void write_nlri(wire::Writer& w, const Nlri& n, bool path_ids);

// Multicast, loopback, link-local, "this network" and class E: semantically incorrect as a
// destination, so that the prefix is ignored (RFC 4271 section 6.3). A default route is none.
bool is_martian(const wire::Prefix& prefix);
// What cannot be a next hop: the same, and the unspecified address; a link-local IPv6 address can.
bool is_bad_next_hop(const wire::IpAddress& address);

}  // namespace kanmon::bgp
