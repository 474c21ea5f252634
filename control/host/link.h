// Setting up a network device of this machine (rtnetlink, by libnl).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/wire/address.h"

namespace kanmon::host {

// Gives the device its MTU and addresses, keeps the kernel from adding a link-local one of its own,
// and takes it up. False: `why` says what was refused; what was done stays done.
bool bring_up(const std::string& name, uint16_t mtu,
              const std::vector<wire::InterfaceAddress>& addresses, std::string& why);

// Takes up the loopback of the calling thread's namespace.
bool bring_up_loopback(std::string& why);

// Replaces the addresses of a device that is up; those in both lists are not touched.
bool change_addresses(const std::string& name, const std::vector<wire::InterfaceAddress>& before,
                      const std::vector<wire::InterfaceAddress>& after, std::string& why);

}  // namespace kanmon::host
