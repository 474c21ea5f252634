// Cryptographically strong octets, the one source of them in control.
#pragma once

#include "dataplane/wire/bytes.h"

namespace kanmon {

// Fills `out`. Ends the process if the generator fails: going on with weak octets would be worse.
void strong_random(wire::MutableBytes out);

}  // namespace kanmon
