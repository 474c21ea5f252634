#include "control/host/devices.h"

#include <algorithm>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

#include "control/host/link.h"
#include "dataplane/packet/packet.h"

namespace kanmon::host {

struct Devices::Device {
  DeviceSpec spec;
  std::unique_ptr<Wire> wire;
  DeviceCounters counters;
};

namespace {

// What cannot change under a device.
bool same_device(const DeviceSpec& a, const DeviceSpec& b) {
  return a.owner == b.owner && a.mtu == b.mtu && a.where == b.where;
}

const DeviceSpec* find(const std::vector<DeviceSpec>& list, const std::string& name) {
  const auto it =
      std::find_if(list.begin(), list.end(), [&](const auto& s) { return s.name == name; });
  return it == list.end() ? nullptr : &*it;
}

constexpr std::size_t kLargestPacket = 65'535;
constexpr int kEventsAtOnce = 64;

}  // namespace

Devices::Devices(Send send, Open open)
    : send_(std::move(send)), open_(std::move(open)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Devices::~Devices() {
  if (epoll_ >= 0) (void)close(epoll_);
}

bool Devices::prepare(const std::vector<DeviceSpec>& wanted, std::string& why) {
  for (const auto& spec : wanted) {
    const auto it = devices_.find(spec.name);
    if (it != devices_.end() && same_device(it->second->spec, spec)) continue;
    if (it != devices_.end()) {
      why = "network device " + spec.name + ": it belongs to " + it->second->spec.owner +
            " and is up: neither that nor its mtu or namespace can change, give it "
            "another name";
      roll_back();
      return false;
    }
    auto wire = open_(
        {.name = spec.name, .mtu = spec.mtu, .addresses = spec.addresses, .where = spec.where},
        why);
    if (wire == nullptr) {
      roll_back();
      return false;
    }
    prepared_[spec.name] =
        std::make_unique<Device>(Device{.spec = spec, .wire = std::move(wire), .counters = {}});
  }
  return true;
}

void Devices::roll_back() {
  prepared_.clear();
}

std::vector<std::string> Devices::commit(std::vector<DeviceSpec> wanted) {
  std::vector<std::string> refused;
  std::erase_if(devices_, [&](const auto& d) { return find(wanted, d.first) == nullptr; });
  for (auto& [name, device] : prepared_) watch(*device);
  devices_.merge(prepared_);
  for (auto& spec : wanted) {
    Device& device = *devices_.at(spec.name);
    std::string why;
    const Namespace::Visit visit(spec.where.get());
    if (device.spec.addresses != spec.addresses &&
        !change_addresses(spec.name, device.spec.addresses, spec.addresses, why))
      refused.push_back(why);
    device.spec = std::move(spec);
  }
  return refused;
}

void Devices::watch(Device& device) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &device;
  if (device.wire->descriptor() >= 0)
    (void)epoll_ctl(epoll_, EPOLL_CTL_ADD, device.wire->descriptor(), &event);
}

Devices::Device* Devices::device_of(uint16_t table, uint32_t tunnel,
                                    const wire::IpAddress& address) {
  for (auto& [name, device] : devices_) {
    const DeviceSpec& s = device->spec;
    if (s.table == table && s.tunnel == tunnel &&
        std::any_of(s.addresses.begin(), s.addresses.end(),
                    [&](const auto& a) { return a.address == address; }))
      return device.get();
  }
  return nullptr;
}

void Devices::deliver(uint16_t table, uint32_t tunnel, wire::Bytes packet) {
  const auto addresses = addresses_of(packet);
  Device* device = addresses ? device_of(table, tunnel, addresses->destination) : nullptr;
  if (device == nullptr) {
    ++unclaimed_;
    return;
  }
  DeviceCounters& c = device->counters;
  if (const Verdict v = inbound(packet, device->spec.services); v != Verdict::kPass) {
    ++c.refused_in[static_cast<std::size_t>(v)];
  } else if (!device->wire->write(packet).ok()) {
    ++c.host_queue_full;
  } else {
    ++c.to_host;
    c.to_host_bytes += packet.size();
  }
}

uint32_t Devices::poll(uint32_t max) {
  if (devices_.empty()) return 0;
  epoll_event events[kEventsAtOnce];
  const int n = epoll_wait(epoll_, events, kEventsAtOnce, 0);
  uint32_t taken = 0;
  // Each device gets its share, so that a busy one does not keep the others out.
  for (int i = 0; i < n && taken < max; ++i)
    taken += drain(*static_cast<Device*>(events[i].data.ptr),
                   std::max<uint32_t>(1, max / static_cast<uint32_t>(n)));
  return taken;
}

uint32_t Devices::drain(Device& device, uint32_t max) {
  static thread_local uint8_t room[kLargestPacket];
  uint32_t taken = 0;
  for (; taken < max; ++taken) {
    const std::size_t n = device.wire->read(room);
    if (n == 0) break;
    const wire::Bytes packet{room, n};
    DeviceCounters& c = device.counters;
    if (const Verdict v = outbound(packet, device.spec.addresses); v != Verdict::kPass) {
      ++c.refused_out[static_cast<std::size_t>(v)];
    } else if (!send_(device.spec, packet).ok()) {
      ++c.gateway_full;
    } else {
      ++c.from_host;
      c.from_host_bytes += n;
    }
  }
  return taken;
}

std::vector<Devices::View> Devices::list() const {
  std::vector<View> views;
  for (const auto& [name, device] : devices_) views.push_back({device->spec, device->counters});
  return views;
}

}  // namespace kanmon::host
