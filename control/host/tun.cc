#include "control/host/tun.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "control/host/link.h"

namespace kanmon::host {
namespace {

class Tun final : public Wire {
 public:
  explicit Tun(int fd) : fd_(fd) {}
  ~Tun() override { (void)close(fd_); }
  Tun(const Tun&) = delete;
  Tun& operator=(const Tun&) = delete;

  Status write(wire::Bytes packet) override {
    return ::write(fd_, packet.data(), packet.size()) < 0 ? Status(Errc::kNoSpace) : success();
  }
  std::size_t read(wire::MutableBytes room) override {
    const ssize_t n = ::read(fd_, room.data(), room.size());
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  int descriptor() const override { return fd_; }

 private:
  int fd_;
};

std::string refusal(const std::string& name, const char* what, int error) {
  return "network device " + name + ": " + what + ": " + std::strerror(error);
}

}  // namespace

std::unique_ptr<Wire> open_tun(const WireOptions& options, std::string& why) {
  if (options.name.empty() || options.name.size() >= IFNAMSIZ) {
    why = "network device " + options.name + ": the name has 1 to 15 octets";
    return nullptr;
  }
  const Namespace::Visit visit(options.where.get());
  if (!visit.ok()) {
    why = refusal(options.name, "its namespace cannot be entered", errno);
    return nullptr;
  }
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    why = refusal(options.name, "/dev/net/tun", errno);
    return nullptr;
  }
  auto tun = std::make_unique<Tun>(fd);
  ifreq request{};
  // A device of this name that is there already belongs to somebody else.
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL);
  std::memcpy(request.ifr_name, options.name.data(), options.name.size());
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    why = refusal(options.name, "cannot be made", errno);
    return nullptr;
  }
  if (!bring_up(options.name, options.mtu, options.addresses, why)) return nullptr;
  return tun;
}

}  // namespace kanmon::host
