#include "control/host/namespace.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "control/host/link.h"

namespace kanmon::host {
namespace {

constexpr const char* kOfThisThread = "/proc/thread-self/ns/net";

int open_read(const char* path) {
  return open(path, O_RDONLY | O_CLOEXEC);
}

// A namespace comes into being with a thread that leaves the old one; the descriptor keeps it.
int make_private(std::string& why) {
  int fd = -1, error = 0;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) == 0) fd = open_read(kOfThisThread);
    error = errno;
    if (fd >= 0) (void)bring_up_loopback(why);
  }).join();
  if (fd < 0) why = std::string("a network namespace cannot be made: ") + std::strerror(error);
  return fd;
}

}  // namespace

Namespace::~Namespace() {
  (void)close(fd_);
}

Namespace::Visit::Visit(const Namespace* where) {
  if (where == nullptr) return;
  home_ = open_read(kOfThisThread);
  is_ok_ = home_ >= 0 && setns(where->fd_, CLONE_NEWNET) == 0;
}

// The gateway must not go on in a foreign namespace: its ports would be looked for there.
Namespace::Visit::~Visit() {
  if (home_ < 0) return;
  if (is_ok_ && setns(home_, CLONE_NEWNET) != 0) std::abort();
  (void)close(home_);
}

std::shared_ptr<const Namespace> Namespaces::of(const std::string& table,
                                                const std::string& setting, std::string& why) {
  if (setting == kOwnNamespace) return nullptr;
  const std::string key = setting.empty() ? "table " + table : "name " + setting;
  if (auto known = open_[key].lock()) return known;
  const std::string path = "/run/netns/" + setting;
  const int fd = setting.empty() ? make_private(why) : open_read(path.c_str());
  if (fd < 0) {
    if (why.empty())
      why = path + ": " + std::strerror(errno) + "; `ip netns add " + setting + "` makes it";
    return nullptr;
  }
  auto made = std::make_shared<const Namespace>(fd);
  open_[key] = made;
  return made;
}

}  // namespace kanmon::host
