#include "control/cli/key_files.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/api/dispatcher.h"

namespace kanmon::cli {
namespace {

std::string why(const std::string& path) {
  return path + ": " + std::strerror(errno);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return fsync(fd) == 0 || errno == EINVAL;
}

}  // namespace

KeyFiles::~KeyFiles() {
  for (const File* file : {&esp_, &ike_}) {
    if (file->fd < 0) continue;
    close(file->fd);
    if (!is_written_) unlink(file->path.c_str());
  }
}

// Keys go to a file that was not there before: nobody has it open, and no link leads elsewhere.
std::string KeyFiles::make_file(File& file, const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return why(path);
  file = {path, fd};
  return {};
}

std::string KeyFiles::make(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return why(folder);
  const std::string problem = make_file(esp_, folder + "/esp_sa");
  return problem.empty() ? make_file(ike_, folder + "/ikev2_decryption_table") : problem;
}

std::string KeyFiles::write(const Json& keys) {
  if (!keys.is_object() || keys.contains("refused") || !keys.contains("esp_sa"))
    return "the daemon gave no keys: system.allow-key-export was turned off meanwhile";
  is_written_ = true;
  if (!write_all(esp_.fd, api::text_param(keys, "esp_sa"))) return why(esp_.path);
  if (!write_all(ike_.fd, api::text_param(keys, "ikev2_decryption_table"))) return why(ike_.path);
  return {};
}

}  // namespace kanmon::cli
