// The steering program (steer.bpf.c) on one interface: loading, taking over from the plain program,
// its rules and its counters.
//
// The AF_XDP driver insists on attaching a program itself and on filling that program's map of
// sockets. So it is given the plain one; then this one is loaded around the same map and takes its
// place in one step: no frame meets an interface without a program, and no NIC is reset. The driver
// takes it off when the port closes. If the process dies instead, the program stays behind without
// sockets and passes everything to the kernel, until the next start removes it.
//
// All members are for control's thread. They make system calls; no worker waits for them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/wire/address.h"
#include "dataplane/xdp/spi_filter.h"
#include "dataplane/xdp/verdicts.h"

struct bpf_object;

namespace kanmon::xdp {

struct Rules {
  Role role = kRoleNone;  // kRoleNone: every frame is the gateway's
  wire::MacAddress mac{};
  // Left to the kernel; at most kKernelAddresses.
  std::vector<wire::IpAddress> kernel_addresses{};
};

class Steering {
 public:
  // Loads the program around a map of sockets. Null: `error` says why in a sentence. The filter
  // must outlive the result; the map's descriptor stays the caller's.
  static std::unique_ptr<Steering> load(SpiFilter& filter, int sockets, std::string& error);
  // load(), with the map of the program that runs on the interface, and puts the new one in its
  // place. On failure the old one stays.
  static std::unique_ptr<Steering> take_over(const std::string& interface, SpiFilter& filter,
                                             std::string& error);
  ~Steering();
  Steering(const Steering&) = delete;
  Steering& operator=(const Steering&) = delete;

  // False: the kernel refused a part of it.
  bool set(const Rules& rules);
  // Since load(). Zeros if the kernel refuses.
  Counts counts() const;
  // For tests and measurements.
  int program() const { return program_; }

 private:
  Steering() = default;

  bpf_object* object_ = nullptr;
  int program_ = -1;
  int port_ = -1;
  int addresses_ = -1;
  int verdicts_ = -1;
  std::vector<AddressKey> shared_;  // in the map kernel_addresses
};

}  // namespace kanmon::xdp
