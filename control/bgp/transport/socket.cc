#include "control/bgp/transport/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace kanmon::bgp {
namespace {

using wire::Family;
using wire::IpAddress;

constexpr int kBacklog = 64;
// Internetwork control: routers prefer it (RFC 4271 appendix E).
constexpr int kTrafficClass = 0xc0;

int domain_of(Family family) {
  return family == Family::kV4 ? AF_INET : AF_INET6;
}

socklen_t to_sockaddr(const IpAddress& address, uint16_t port, sockaddr_storage& out) {
  std::memset(&out, 0, sizeof out);
  if (address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.octets.data(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.octets.data(), 16);
  return sizeof v6;
}

wire::Endpoint from_sockaddr(const sockaddr_storage& in) {
  if (in.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(in);
    return {IpAddress::v4(reinterpret_cast<const uint8_t*>(&v4.sin_addr)), ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(in);
  return {IpAddress::v6(v6.sin6_addr.s6_addr), ntohs(v6.sin6_port)};
}

bool fail(const char* what, std::string& why) {
  why = std::string(what) + ": " + std::strerror(errno);
  return false;
}

bool set_int(const Socket& s, int level, int option, int value) {
  return setsockopt(s.fd(), level, option, &value, sizeof value) == 0;
}

Socket make_socket(Family family, const TcpOptions& options, std::string& why) {
  const host::Namespace::Visit visit(options.where.get());
  if (!visit.ok()) {
    fail("network namespace", why);
    return {};
  }
  Socket s(socket(domain_of(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!s) fail("socket", why);
  return s;
}

bool bind_to(const Socket& s, Family family, const TcpOptions& options, uint16_t port,
             std::string& why) {
  const std::string& device = options.device;
  if (!device.empty() && setsockopt(s.fd(), SOL_SOCKET, SO_BINDTODEVICE, device.data(),
                                    static_cast<socklen_t>(device.size())) != 0)
    return fail(("device " + device).c_str(), why);
  if (!options.local && port == 0) return true;
  IpAddress address = options.local.value_or(IpAddress{});
  if (!options.local) address.family = family;
  sockaddr_storage where;
  const socklen_t size = to_sockaddr(address, port, where);
  if (bind(s.fd(), reinterpret_cast<sockaddr*>(&where), size) == 0) return true;
  return fail(("address " + address.to_string()).c_str(), why);
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) (void)close(fd_);
}

bool set_ttls(const Socket& s, Family family, uint8_t ttl, uint8_t least) {
  if (family == Family::kV4)
    return set_int(s, IPPROTO_IP, IP_TTL, ttl) && set_int(s, IPPROTO_IP, IP_MINTTL, least);
  return set_int(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl) &&
         set_int(s, IPPROTO_IPV6, IPV6_MINHOPCOUNT, least);
}

bool set_session_options(const Socket& s, Family family, const TcpOptions& options,
                         std::string& why) {
  const bool v4 = family == Family::kV4;
  const auto timeout = static_cast<int>(std::chrono::milliseconds(options.user_timeout).count());
  const bool ok =
      set_ttls(s, family, options.ttl(), options.least_ttl()) &&
      set_int(s, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, kTrafficClass) &&
      set_int(s, IPPROTO_TCP, TCP_NODELAY, 1) && set_int(s, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout);
  return ok || fail("socket options", why);
}

bool set_md5(const Socket& s, const wire::Prefix& remote, const Secret* key, std::string& why) {
  tcp_md5sig md5{};
  sockaddr_storage address;
  to_sockaddr(remote.address, 0, address);
  std::memcpy(&md5.tcpm_addr, &address, sizeof md5.tcpm_addr);
  if (remote.length != remote.address.bits()) {
    md5.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
    md5.tcpm_prefixlen = remote.length;
  }
  if (key != nullptr) {
    md5.tcpm_keylen =
        static_cast<uint16_t>(std::min<std::size_t>(key->size(), TCP_MD5SIG_MAXKEYLEN));
    std::copy_n(key->bytes().begin(), md5.tcpm_keylen, md5.tcpm_key);
  }
  const bool ok = setsockopt(s.fd(), IPPROTO_TCP, TCP_MD5SIG_EXT, &md5, sizeof md5) == 0;
  wipe({md5.tcpm_key, sizeof md5.tcpm_key});
  // Taking away a key that was never there is no mistake.
  return ok || key == nullptr || fail("TCP MD5", why);
}

Socket begin_connect(const IpAddress& remote, const TcpOptions& options, std::string& why) {
  Socket s = make_socket(remote.family, options, why);
  if (!s || !bind_to(s, remote.family, options, 0, why) ||
      !set_session_options(s, remote.family, options, why))
    return {};
  if (options.md5 && !set_md5(s, wire::Prefix::host(remote), options.md5.get(), why)) return {};
  sockaddr_storage to;
  const socklen_t size = to_sockaddr(remote, options.port, to);
  if (connect(s.fd(), reinterpret_cast<sockaddr*>(&to), size) == 0 || errno == EINPROGRESS)
    return s;
  fail("connect", why);
  return {};
}

Socket listen_at(Family family, const TcpOptions& options, std::string& why) {
  Socket s = make_socket(family, options, why);
  if (!s) return s;
  const bool ok = set_int(s, SOL_SOCKET, SO_REUSEADDR, 1) &&
                  (family == Family::kV4 || set_int(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
  if (!ok) {
    fail("socket options", why);
    return {};
  }
  if (!bind_to(s, family, options, options.port, why)) return {};
  if (listen(s.fd(), kBacklog) == 0) return s;
  fail("listen", why);
  return {};
}

Socket accept_from(const Socket& listener, wire::Endpoint& remote) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  Socket s(accept4(listener.fd(), reinterpret_cast<sockaddr*>(&from), &size,
                   SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (s) remote = from_sockaddr(from);
  return s;
}

int socket_error(const Socket& s) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(s.fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

wire::Endpoint local_of(const Socket& s) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  return getsockname(s.fd(), reinterpret_cast<sockaddr*>(&at), &size) == 0 ? from_sockaddr(at)
                                                                           : wire::Endpoint{};
}

wire::Endpoint remote_of(const Socket& s) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  return getpeername(s.fd(), reinterpret_cast<sockaddr*>(&at), &size) == 0 ? from_sockaddr(at)
                                                                           : wire::Endpoint{};
}

}  // namespace kanmon::bgp
