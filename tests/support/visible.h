// What hands packets from thread to thread inside DPDK's libraries, done again in code that is
// compiled with the tests: ThreadSanitizer sees nothing of what happens in a library, and would
// take each packet that changes hands there for a race.
#pragma once

#include <cstdint>

namespace kanmon::port {
struct RingWire;
}

namespace kanmon::test {

// Starts EAL for `workers` workers; packet pools made from now on are visible.
void start_eal_visibly(uint16_t workers);

// A ring port receives and sends by its wire's rings without the driver. REQUIRES: no worker turns.
void make_visible(uint16_t port, port::RingWire& wire);

}  // namespace kanmon::test
