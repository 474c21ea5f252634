#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/common/secret.h"
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/context.h"
#include "control/config/document.h"
#include "control/config/schema.h"

namespace kanmon::config {
namespace {

// The text of a file: it may hold pre-shared keys.
struct FileText {
  Secret memory;
  std::size_t size = 0;
  std::string_view view() const {
    return {reinterpret_cast<const char*>(memory.bytes().data()), size};
  }
};

struct CloseFile {
  int fd;
  ~CloseFile() {
    if (fd >= 0) close(fd);
  }
};

// Empty on success, else why not.
std::string read_file(const std::string& path, FileText& text) {
  const CloseFile file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (file.fd < 0 || fstat(file.fd, &status) != 0) return std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return "not a regular file";
  // One octet more shows whether it grows meanwhile; more than the limit is refused later.
  const auto told = static_cast<std::size_t>(status.st_size);
  text.memory = Secret(std::min(told, Limits::kTextBytes) + 1);
  while (text.size < text.memory.size()) {
    const auto room = text.memory.mutable_bytes().subspan(text.size);
    const ssize_t got = read(file.fd, room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::strerror(errno);
    if (got == 0) return {};
    text.size += static_cast<std::size_t>(got);
  }
  return told > Limits::kTextBytes ? "" : "it grew while it was read";
}

Loaded load(std::string_view text, const std::string& name, const Machine& machine) {
  Problems problems(name);
  Loaded loaded;
  try {
    Document document;
    if (document.parse(text, problems)) {
      Context context(problems, name);
      Config config;
      read_config(context, document.root(), config);
      check(context, config, machine);
      if (!problems.failed()) loaded.config = std::move(config);
    }
  } catch (const std::exception& e) {  // out of memory
    problems.error({}, "", e.what());
    loaded.config.reset();
  }
  loaded.problems = problems.take();
  return loaded;
}

}  // namespace

Loaded load_text(const std::string& text, const std::string& name) {
  return load(text, name, Machine::here());
}

Loaded load_file(const std::string& path) {
  FileText file;
  const std::string why = read_file(path, file);
  if (why.empty()) return load(file.view(), path, Machine::here());
  Problems problems(path);
  problems.error({}, "", "cannot be read: " + why);
  Loaded loaded;
  loaded.problems = problems.take();
  return loaded;
}

}  // namespace kanmon::config
