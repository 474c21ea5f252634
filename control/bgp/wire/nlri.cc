#include "control/bgp/wire/nlri.h"

#include <algorithm>

#include "dataplane/wire/reader.h"

namespace kanmon::bgp {
namespace {

using wire::Family;
using wire::IpAddress;
using wire::Prefix;

bool is_martian_v4(const Prefix& p) {
  const uint8_t first = p.address.octets[0];
  if (p.length >= 8 && (first == 0 || first == 127)) return true;
  return p.length >= 4 && first >= 224;
}

bool is_martian_v6(const Prefix& p) {
  if (p.length >= 8 && p.address.octets[0] == 0xff) return true;
  if (p.length >= 10 && p.address.is_link_local()) return true;
  return p.length == 128 && (p.address.is_unspecified() || p.address.is_loopback());
}

IpAddress address_of(Family family, wire::Bytes octets) {
  IpAddress a;
  a.family = family;
  std::copy(octets.begin(), octets.end(), a.octets.begin());
  return a;
}

}  // namespace

bool is_martian(const Prefix& p) {
  return p.address.is_v4() ? is_martian_v4(p) : is_martian_v6(p);
}

bool is_bad_next_hop(const IpAddress& address) {
  if (address.is_unspecified()) return true;
  if (!address.is_v4() && address.is_link_local()) return false;
  return is_martian(Prefix::host(address));
}

bool parse_nlri(wire::Bytes field, Family family, bool path_ids, std::vector<Nlri>& out,
                uint64_t& martians) {
  const uint8_t longest = family == Family::kV4 ? 32 : 128;
  wire::Reader r(field);
  while (!r.done()) {
    const uint32_t id = path_ids ? r.u32() : 0;
    const uint8_t length = r.u8();
    if (length > longest) return false;
    const wire::Bytes octets = r.take((length + 7u) / 8u);
    if (!r.ok()) return false;
    const Prefix prefix = Prefix::make(address_of(family, octets), length);
    if (is_martian(prefix)) {
      ++martians;
      continue;
    }
    out.push_back({prefix, id});
  }
  return true;
}

void write_nlri(wire::Writer& w, const Nlri& n, bool path_ids) {
  if (path_ids) w.u32(n.path_id);
  w.u8(n.prefix.length);
  w.put(wire::Bytes(n.prefix.address.octets).first((n.prefix.length + 7u) / 8u));
}

}  // namespace kanmon::bgp
