#include "dataplane/crypto/private_library.h"

#include <cstdio>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kanmon::crypto {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool copy_all(int from, int to) {
  struct stat info = {};
  if (fstat(from, &info) != 0) return false;
  off_t left = info.st_size;
  while (left > 0) {
    const ssize_t n = sendfile(to, from, nullptr, static_cast<size_t>(left));
    if (n <= 0) return false;
    left -= n;
  }
  return true;
}

}  // namespace

std::unique_ptr<PrivateLibrary> PrivateLibrary::copy_of(const void* symbol) {
  Dl_info where = {};
  if (kSanitized || dladdr(symbol, &where) == 0 || where.dli_fname == nullptr) return nullptr;
  if (std::strstr(where.dli_fname, ".so") == nullptr) return nullptr;
  const File original(open(where.dli_fname, O_RDONLY | O_CLOEXEC));
  const File copy(memfd_create("kanmon-crypto", MFD_CLOEXEC));
  if (!original.ok() || !copy.ok() || !copy_all(original.fd(), copy.fd())) return nullptr;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", copy.fd());
  // Deep binding: the copy's references to its own functions must not lead to the original's.
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  return handle == nullptr ? nullptr : std::unique_ptr<PrivateLibrary>(new PrivateLibrary(handle));
}

PrivateLibrary::~PrivateLibrary() {
  dlclose(handle_);
}

void* PrivateLibrary::address(const char* name) const {
  return dlsym(handle_, name);
}

}  // namespace kanmon::crypto
