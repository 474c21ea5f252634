#include "dataplane/port/interface.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <bpf/libbpf.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kanmon::port {
namespace {

// A socket to ask the kernel by.
class Asker {
 public:
  explicit Asker(const std::string& name) : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::strncpy(request_.ifr_name, name.c_str(), IFNAMSIZ - 1);
  }
  ~Asker() {
    if (fd_ >= 0) ::close(fd_);
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  bool is_up() {
    return ioctl(fd_, SIOCGIFFLAGS, &request_) == 0 && (request_.ifr_flags & IFF_UP) != 0;
  }
  bool set_mtu(int mtu) {
    request_.ifr_mtu = mtu;
    return ioctl(fd_, SIOCSIFMTU, &request_) == 0;
  }
  bool feature(uint32_t command) {
    ethtool_value value{};
    value.cmd = command;
    return ethtool(&value) && value.data != 0;
  }
  std::string driver() {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    return ethtool(&info) ? info.driver : "";
  }

 private:
  bool ethtool(void* argument) {
    request_.ifr_data = static_cast<char*>(argument);
    return ioctl(fd_, SIOCETHTOOL, &request_) == 0;
  }
  int fd_;
  ifreq request_{};
};

struct Feature {
  uint32_t command;
  const char* name;  // as ethtool -K calls it
};
constexpr Feature kHarmful[] = {
    {ETHTOOL_GTXCSUM, "tx"}, {ETHTOOL_GTSO, "tso"}, {ETHTOOL_GGSO, "gso"}, {ETHTOOL_GGRO, "gro"}};

std::string offload_warning(const std::string& name, Asker& asker) {
  std::string on, off;
  for (const Feature& f : kHarmful)
    if (asker.feature(f.command)) {
      on += (on.empty() ? "" : ", ") + std::string(f.name);
      off += std::string(" ") + f.name + " off";
    }
  if (on.empty()) return {};
  std::string text = name + " has offloads on (" + on +
                     "): packets may arrive merged or with unfinished checksums; turn them off: "
                     "'ethtool -K " +
                     name + off + "'";
  if (asker.driver() == "veth") text += ", and the same on the other end of the veth pair";
  return text;
}

std::string address_warning(const std::string& name) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  bool v4 = false, v6 = false;
  for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || name != i->ifa_name) continue;
    v4 |= i->ifa_addr->sa_family == AF_INET;
    v6 |= i->ifa_addr->sa_family == AF_INET6;
  }
  freeifaddrs(list);
  if (!v4 && !v6) return {};
  return name +
         " has kernel addresses: the kernel answers beside Kanmon; remove them: 'ip addr "
         "flush dev " +
         name + (v6 ? "; sysctl -w net.ipv6.conf." + name + ".disable_ipv6=1'" : "'");
}

}  // namespace

bool interface_exists(const std::string& name) {
  return if_nametoindex(name.c_str()) != 0;
}

std::vector<std::string> interface_warnings(const std::string& name, bool shared) {
  Asker asker(name);
  std::vector<std::string> warnings;
  if (!asker.is_up()) warnings.push_back(name + " is down: 'ip link set " + name + " up'");
  warnings.push_back(offload_warning(name, asker));
  if (!shared) warnings.push_back(address_warning(name));
  warnings.erase(std::remove(warnings.begin(), warnings.end(), std::string()), warnings.end());
  return warnings;
}

bool set_interface_mtu(const std::string& name, uint16_t mtu) {
  return Asker(name).set_mtu(mtu);
}

bool detach_xdp(const std::string& name) {
  const int index = static_cast<int>(if_nametoindex(name.c_str()));
  bool found = false;
  for (const uint32_t mode : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    uint32_t program = 0;
    if (index == 0 || bpf_xdp_query_id(index, static_cast<int>(mode), &program) != 0) continue;
    found |= program != 0 && bpf_xdp_detach(index, mode, nullptr) == 0;
  }
  return found;
}

}  // namespace kanmon::port
