#include "dataplane/observe/tap.h"

#include <algorithm>

namespace kanmon::observe {

void Tap::take(Copy copy, const Packet* p) {
  copy.length = length(p);
  copy.kept = std::min(copy.length, snap_);
  if (!ring_.begin(sizeof copy + copy.kept)) return lost_.add(1);
  ring_.append(&copy, sizeof copy);
  for (uint32_t left = copy.kept; p != nullptr && left != 0; p = p->next) {
    const uint32_t n = std::min<uint32_t>(left, first_length(p));
    ring_.append(data(p), n);
    left -= n;
  }
  ring_.commit();
}

}  // namespace kanmon::observe
