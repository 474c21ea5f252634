// Starts DPDK's EAL once for a test process: no hugepages, no files, no devices.
#pragma once

namespace kanmon::test {

// Idempotent; aborts with a message if the EAL refuses. Call it before any mempool is made.
void start_eal();

}  // namespace kanmon::test
