// A set of attributes as octets. RFC 4271 section 4.3.
#pragma once

#include "control/bgp/attributes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::bgp {

struct WriteContext;

// Writes the attributes of `set` in order of their types, without MP_REACH_NLRI, and NEXT_HOP if it
// is an IPv4 address and `next_hop` says so.
void write_attributes(wire::Writer& w, const AttributeSet& set, const WriteContext& context,
                      bool next_hop);

// The header of an attribute with `size` octets of value, in the short form where it fits.
void write_attribute_header(wire::Writer& w, uint8_t flags, uint8_t type, std::size_t size);

}  // namespace kanmon::bgp
