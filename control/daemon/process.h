// What the process does to itself before it touches a key or a packet (hardening).
#pragma once

#include <string>

namespace kanmon::daemon {

// No core dumps and no ptrace by others (INV-9), files private by default.
void harden_process();

// Largest number of open files this process may have, raised to its hard limit.
void raise_file_limit();

}  // namespace kanmon::daemon
