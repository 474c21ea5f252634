// Traffic selectors on the wire and their narrowing (RFC 7296 sections 2.9 and 3.13).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "dataplane/common/result.h"
#include "dataplane/sa/selector.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/writer.h"

namespace kanmon::ike {

using Selectors = std::vector<sa::Selector>;

// A TS payload's body. Errors: kTruncated, kBadLength (a selector's length is not 16 or 40, octets
// left over), kBadValue (no selector, start after end, but for OPAQUE ports: 65535 to 0).
// Selectors of an unknown type are well-formed but nothing we could enforce: they are left out, so
// that the list may come back empty (TS_UNACCEPTABLE).
Result<Selectors> parse_ts(wire::Bytes body);
// At most 255 selectors are written; more make the writer fail.
void write_ts(wire::Writer& w, std::span<const sa::Selector> selectors);

// The most selectors of one side of a child SA; narrow() keeps to it.
inline constexpr std::size_t kMaxSelectors = 64;

// What both sides allow: the intersection of `theirs` with `ours`, as the pairwise intersections in
// the order of `theirs`, then `ours`, without those that lie inside another. The initiator's first
// selector is what its packet needs (2.9): what is left of it comes first. Always a subset of both;
// all of the intersection unless that takes more than kMaxSelectors. Empty: TS_UNACCEPTABLE.
Selectors narrow(std::span<const sa::Selector> theirs, std::span<const sa::Selector> ours);

// True if every selector of `inner` lies in one of `outer`: what an initiator asks of the answer.
bool is_subset(std::span<const sa::Selector> inner, std::span<const sa::Selector> outer);
// True if the packets of `a` are all packets of `b`.
bool inside(const sa::Selector& a, const sa::Selector& b);

// "10.0.0.0/8", "10.0.0.1-10.0.0.9:udp/500-510"; for logs.
std::string to_string(const sa::Selector& selector);
// Separated by commas, at most eight, then the number of the others.
std::string to_string(std::span<const sa::Selector> selectors);

}  // namespace kanmon::ike
