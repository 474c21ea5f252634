#include "control/host/link.h"

#include <algorithm>
#include <memory>

#include <linux/if_link.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>

namespace kanmon::host {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Socket = std::unique_ptr<nl_sock, Freer<nl_socket_free>>;
using RtLink = std::unique_ptr<rtnl_link, Freer<rtnl_link_put>>;
using RtAddress = std::unique_ptr<rtnl_addr, Freer<rtnl_addr_put>>;
using NlAddress = std::unique_ptr<nl_addr, Freer<nl_addr_put>>;

bool fail(std::string& why, const std::string& name, const std::string& what, int error) {
  why = "network device " + name + ": " + what + ": " + nl_geterror(error);
  return false;
}

Socket connect(std::string& why, const std::string& name) {
  Socket socket(nl_socket_alloc());
  if (socket == nullptr) {
    (void)fail(why, name, "netlink", -NLE_NOMEM);
    return nullptr;
  }
  if (const int e = nl_connect(socket.get(), NETLINK_ROUTE); e < 0) {
    (void)fail(why, name, "netlink", e);
    return nullptr;
  }
  return socket;
}

RtAddress address_of(int index, const wire::InterfaceAddress& a) {
  const bool v4 = a.address.is_v4();
  const NlAddress local(
      nl_addr_build(v4 ? AF_INET : AF_INET6, a.address.octets.data(), v4 ? 4 : 16));
  RtAddress address(rtnl_addr_alloc());
  if (local == nullptr || address == nullptr) return nullptr;
  nl_addr_set_prefixlen(local.get(), a.length);
  rtnl_addr_set_ifindex(address.get(), index);
  rtnl_addr_set_local(address.get(), local.get());
  // There is nobody on the device whose address could be a duplicate of ours.
  if (!v4) rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
  return address;
}

bool set_address(nl_sock* socket, const std::string& name, int index,
                 const wire::InterfaceAddress& a, bool present, std::string& why) {
  const RtAddress address = address_of(index, a);
  if (address == nullptr) return fail(why, name, a.to_string(), -NLE_NOMEM);
  const int e = present ? rtnl_addr_add(socket, address.get(), 0)
                        : rtnl_addr_delete(socket, address.get(), 0);
  return e == 0 || fail(why, name, (present ? "cannot have " : "cannot lose ") + a.to_string(), e);
}

bool take_up(nl_sock* socket, const std::string& name, int index, std::string& why) {
  const RtLink up(rtnl_link_alloc());
  if (up == nullptr) return fail(why, name, "link", -NLE_NOMEM);
  rtnl_link_set_ifindex(up.get(), index);
  rtnl_link_set_flags(up.get(), IFF_UP);
  const int e = rtnl_link_change(socket, up.get(), up.get(), 0);
  return e == 0 || fail(why, name, "cannot be taken up", e);
}

}  // namespace

bool bring_up_loopback(std::string& why) {
  const Socket socket = connect(why, "lo");
  return socket != nullptr &&
         take_up(socket.get(), "lo", static_cast<int>(if_nametoindex("lo")), why);
}

bool bring_up(const std::string& name, uint16_t mtu,
              const std::vector<wire::InterfaceAddress>& addresses, std::string& why) {
  const Socket socket = connect(why, name);
  if (socket == nullptr) return false;
  const auto index = static_cast<int>(if_nametoindex(name.c_str()));
  const RtLink change(rtnl_link_alloc());
  if (change == nullptr) return fail(why, name, "link", -NLE_NOMEM);
  rtnl_link_set_ifindex(change.get(), index);
  rtnl_link_set_mtu(change.get(), mtu);
  (void)rtnl_link_inet6_set_addr_gen_mode(change.get(), IN6_ADDR_GEN_MODE_NONE);
  if (const int e = rtnl_link_change(socket.get(), change.get(), change.get(), 0); e != 0)
    return fail(why, name, "cannot have an MTU of " + std::to_string(mtu), e);
  if (!take_up(socket.get(), name, index, why)) return false;
  return std::all_of(addresses.begin(), addresses.end(), [&](const auto& a) {
    return set_address(socket.get(), name, index, a, true, why);
  });
}

bool change_addresses(const std::string& name, const std::vector<wire::InterfaceAddress>& before,
                      const std::vector<wire::InterfaceAddress>& after, std::string& why) {
  const Socket socket = connect(why, name);
  if (socket == nullptr) return false;
  const auto index = static_cast<int>(if_nametoindex(name.c_str()));
  const auto has = [](const auto& list, const auto& a) {
    return std::find(list.begin(), list.end(), a) != list.end();
  };
  for (const auto& a : after)
    if (!has(before, a) && !set_address(socket.get(), name, index, a, true, why)) return false;
  for (const auto& a : before)
    if (!has(after, a) && !set_address(socket.get(), name, index, a, false, why)) return false;
  return true;
}

}  // namespace kanmon::host
