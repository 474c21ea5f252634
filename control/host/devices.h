// The TUN devices of the gateway: one for each tunnel with inside addresses and for each port whose
// addresses the machine's own stack shall have too.
//
// What a worker punts for the machine (Punt::kHost) is delivered to the device that has the
// destination, if the packet came by that device's own tunnel or by a port, and if the operator
// allows the service. What the machine sends by a device leaves by its tunnel and no other, or is
// looked up in the underlay of its port. Control's thread only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/config/config.h"
#include "control/host/filter.h"
#include "control/host/tun.h"

namespace kanmon::host {

// What a device is for. Owner, MTU and namespace stay while it is up; the rest may change.
struct DeviceSpec {
  std::string name;
  std::string owner;             // "tunnel branch", "port wan"
  uint32_t tunnel = 0xffffffff;  // kNoTunnel: a port's device
  uint16_t table = 0;
  std::shared_ptr<const Namespace> where;  // null: the daemon's own
  uint16_t mtu = 1280;
  std::vector<wire::InterfaceAddress> addresses;
  std::vector<config::HostService> services;
};

// Since the device was made. Each packet is in exactly one of them.
struct DeviceCounters {
  uint64_t to_host = 0, to_host_bytes = 0;
  uint64_t from_host = 0, from_host_bytes = 0;
  std::array<uint64_t, kVerdicts> refused_in{}, refused_out{};  // [Verdict]; kPass stays 0
  uint64_t host_queue_full = 0;                                 // the machine does not read
  uint64_t gateway_full = 0;  // no buffer or ring room to the workers
};

class Devices {
 public:
  using Open = std::function<std::unique_ptr<Wire>(const WireOptions&, std::string& why)>;
  // Gives a packet to the workers.
  using Send = std::function<Status(const DeviceSpec&, wire::Bytes)>;

  Devices(Send send, Open open = open_tun);
  ~Devices();

  // Makes the devices of `wanted` that are not there, as part of a change that may still fail:
  // false if one cannot be made; then, and after roll_back(), all is as before.
  bool prepare(const std::vector<DeviceSpec>& wanted, std::string& why);
  void roll_back();
  // Takes over what was prepared; devices that `wanted` does not name go. Addresses of those that
  // stay are changed; returns what the kernel refused of that, one line each.
  std::vector<std::string> commit(std::vector<DeviceSpec> wanted);

  // A packet for the machine that was looked up in `table` and came out of `tunnel`, or kNoTunnel.
  // One that no device takes is counted by unclaimed().
  void deliver(uint16_t table, uint32_t tunnel, wire::Bytes packet);
  // Sends what the machine wants to send, at most `max` packets. Returns how many it took.
  uint32_t poll(uint32_t max = 256);

  struct View {
    const DeviceSpec& spec;
    const DeviceCounters& counters;
  };
  std::vector<View> list() const;
  uint64_t unclaimed() const { return unclaimed_; }
  // Readable when poll() has work; -1 if the kernel has no epoll for us.
  int descriptor() const { return epoll_; }

 private:
  struct Device;
  void watch(Device& device);
  uint32_t drain(Device& device, uint32_t max);
  Device* device_of(uint16_t table, uint32_t tunnel, const wire::IpAddress& address);

  Send send_;
  Open open_;
  int epoll_ = -1;
  std::map<std::string, std::unique_ptr<Device>> devices_;   // by name
  std::map<std::string, std::unique_ptr<Device>> prepared_;  // by name
  uint64_t unclaimed_ = 0;
};

}  // namespace kanmon::host
