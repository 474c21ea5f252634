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

// The text of a file, wiped when it is no longer needed: it may hold pre-shared keys.
struct FileText {
  std::string text;
  ~FileText() { wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()}); }
};

// Empty on success, else why not.
std::string read_file(const std::string& path, std::string& text) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::strerror(errno);
  struct stat status {};
  std::string why;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) why = "not a regular file";
  // Room for everything at once: growing would leave unwiped copies behind.
  text.resize(Limits::kTextBytes + 1);
  std::size_t size = 0;
  while (why.empty() && size < text.size()) {
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) why = std::strerror(errno);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  close(fd);
  text.resize(size);
  return why;
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
  const std::string why = read_file(path, file.text);
  if (why.empty()) return load(file.text, path, Machine::here());
  Problems problems(path);
  problems.error({}, "", "cannot be read: " + why);
  Loaded loaded;
  loaded.problems = problems.take();
  return loaded;
}

}  // namespace kanmon::config
