#include "dataplane/observe/filter.h"

namespace kanmon::observe {
namespace {

bool addresses_match(const Filter& f, const Flow& flow) {
  if (f.source && !f.source->contains(flow.source)) return false;
  if (f.destination && !f.destination->contains(flow.destination)) return false;
  return !f.host || f.host->contains(flow.source) || f.host->contains(flow.destination);
}

bool ports_match(const Filter& f, const Flow& flow) {
  if (f.source_port.is_any() && f.destination_port.is_any() && f.port.is_any()) return true;
  if (!flow.has_ports) return false;
  return f.source_port.contains(flow.source_port) &&
         f.destination_port.contains(flow.destination_port) &&
         (f.port.contains(flow.source_port) || f.port.contains(flow.destination_port));
}

bool passage_matches(const Filter& f, const Flow& flow, const Passage& p) {
  if (f.tunnel && *f.tunnel != p.tunnel_in && *f.tunnel != p.tunnel_out) return false;
  if (!f.spi) return true;
  if ((flow.has_spi && flow.spi == *f.spi) || p.inbound_spi == *f.spi) return true;
  return f.spi_tunnel != kNoTunnel && f.spi_tunnel == p.tunnel_out;
}

}  // namespace

bool matches(const Filter& filter, const Flow& flow, const Passage& passage) {
  if (filter.protocol && *filter.protocol != flow.protocol) return false;
  return addresses_match(filter, flow) && ports_match(filter, flow) &&
         passage_matches(filter, flow, passage);
}

}  // namespace kanmon::observe
