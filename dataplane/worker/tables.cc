#include "dataplane/worker/tables.h"

namespace kanmon {

Tables::Tables(Capacity c)
    : capacity(c),
      inbound_sas(std::make_unique<sa::InboundSa*[]>(sa::kSlots)),
      tunnels(std::make_unique<sa::Encap[]>(c.tunnels)),
      adjacencies(std::make_unique<Adjacency[]>(c.adjacencies)),
      groups(std::make_unique<fib::Group*[]>(c.groups)) {}

// What the records point to belongs to control, which frees it.
Tables::~Tables() = default;

}  // namespace kanmon
