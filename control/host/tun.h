// A TUN device: the machine's own stack sees the gateway's address on it, so that BGP daemons,
// ping and tcpdump of the machine work as on any other interface.
//
// Needs CAP_NET_ADMIN. The device lives as long as the object and is gone with the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/host/namespace.h"
#include "dataplane/common/result.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::host {

// The two ends of a device as devices.h uses them; a test puts its own behind it.
class Wire {
 public:
  virtual ~Wire() = default;
  // Gives the machine one IP packet. kNoSpace: its queue is full, the packet is lost.
  virtual Status write(wire::Bytes packet) = 0;
  // One packet the machine sends, at most `room` octets; 0 if there is none now.
  virtual std::size_t read(wire::MutableBytes room) = 0;
  // Readable when read() has something; -1 if there is no descriptor.
  virtual int descriptor() const = 0;
};

struct WireOptions {
  std::string name;  // of the network device, at most 15 octets
  uint16_t mtu = 1280;
  std::vector<wire::InterfaceAddress> addresses;
  std::shared_ptr<const Namespace> where;  // null: the daemon's own
};

// Makes the device, sets MTU and addresses, and takes it up. Null: `why` says what the kernel
// refused.
std::unique_ptr<Wire> open_tun(const WireOptions& options, std::string& why);

}  // namespace kanmon::host
