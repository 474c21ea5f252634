#include "dataplane/worker/tables.h"

namespace kanmon {

Tables::Tables(Capacity c)
    : capacity(c),
      inbound_sas(sa::kSlots),
      tunnels(c.tunnels),
      adjacencies(c.adjacencies),
      groups(c.groups) {}

// What the records point to belongs to control, which frees it.
Tables::~Tables() = default;

}  // namespace kanmon
