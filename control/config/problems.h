// Where something stands in a configuration file, and the list of what is wrong with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/config.h"

namespace kanmon::config {

// A place in the text; 1-based, 0 if the file as a whole is meant.
struct Mark {
  uint32_t line = 0;
  uint32_t column = 0;
};

// Collects problems in any order. Keeps at most kLimit of them and counts the rest, so that a
// hostile file costs bounded memory.
class Problems {
 public:
  static constexpr std::size_t kLimit = 200;

  explicit Problems(std::string file) : file_(std::move(file)) {}

  void error(Mark mark, std::string key, std::string text);
  void warning(Mark mark, std::string key, std::string text);
  // True if one of them keeps the configuration from being used.
  bool failed() const { return errors_ != 0; }
  // How many errors were added, those left out too.
  std::size_t errors() const { return errors_; }
  // True if there is an error about `key` itself or about anything below it.
  bool failed_at(std::string_view key) const;
  // All of them in the order of the file.
  std::vector<Problem> take();

 private:
  void add(Mark mark, std::string key, std::string text, bool warning);

  std::string file_;
  std::vector<Problem> problems_;
  std::size_t left_out_ = 0;
  std::size_t errors_ = 0;
};

// `text` in quotes, printable and at most 64 octets: what is there, as a problem shows it.
std::string in_quotes(std::string_view text);

// The candidate that `word` was most likely meant to be, or empty if none is near. Case and the
// difference of '_' and '-' count for little.
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

// "; did you mean X?" or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace kanmon::config
