// The files of `kanmon capture --export-keys`: a folder Wireshark can use as its configuration.
#pragma once

#include <string>

#include "control/cli/client.h"

namespace kanmon::cli {

class KeyFiles {
 public:
  KeyFiles() = default;
  ~KeyFiles();  // removes files that nothing was written to
  KeyFiles(const KeyFiles&) = delete;
  KeyFiles& operator=(const KeyFiles&) = delete;

  // Makes the folder (mode 0700, if there is none) and in it esp_sa and ikev2_decryption_table
  // (0600), neither of which may be there. Why it failed; empty: done.
  std::string make(const std::string& folder);
  // What the last capture.read said of keys. Why it failed, likewise.
  std::string write(const Json& keys);

 private:
  struct File {
    std::string path;
    int fd = -1;
  };
  std::string make_file(File& file, const std::string& path);

  File esp_, ike_;
  bool is_written_ = false;
};

}  // namespace kanmon::cli
