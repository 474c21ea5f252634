#include "dataplane/xdp/plain_program.h"

#include <sys/mman.h>
#include <unistd.h>
#include <xdp_objects.h>

namespace kanmon::xdp {

PlainProgram::PlainProgram() : fd_(memfd_create("kanmon-plain", MFD_CLOEXEC)) {
  if (fd_ < 0) return;
  if (write(fd_, kPlainObject, sizeof kPlainObject) == ssize_t{sizeof kPlainObject}) return;
  ::close(fd_);
  fd_ = -1;
}

PlainProgram::~PlainProgram() {
  if (fd_ >= 0) ::close(fd_);
}

std::string PlainProgram::path() const {
  return fd_ < 0 ? std::string() : "/proc/self/fd/" + std::to_string(fd_);
}

}  // namespace kanmon::xdp
