// What the kernel says about an interface a port stands on (af_packet, af_xdp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kanmon::port {

bool interface_exists(const std::string& name);

// Settings with which traffic would fail in ways that are hard to see: offloads that leave
// checksums unfinished or merge frames, addresses on which the kernel answers beside us, the
// interface being down. One sentence each, with the command that mends it.
// `shared`: kernel addresses are wanted.
std::vector<std::string> interface_warnings(const std::string& name, bool shared = false);

// Makes its MTU `mtu` octets, without the Ethernet header. False if the kernel refuses.
bool set_interface_mtu(const std::string& name, uint16_t mtu);

// Takes every XDP program off the interface; true if there was one. A program outlives a process
// that was killed.
bool detach_xdp(const std::string& name);

}  // namespace kanmon::port
