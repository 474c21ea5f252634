// Stand-ins for the local room's two helpers, so that the encrypt stage can be tested by itself.
#include "dataplane/local/fragment.h"
#include "dataplane/local/icmp_error.h"

namespace kanmon {

void icmp_error::too_big(Context& c, Packet* p, uint16_t) {
  c.drop(p, Drop::kTooBig);
}

bool fragment4(Context&, Packet*, uint16_t, PacketVector&) {
  return false;
}

}  // namespace kanmon
