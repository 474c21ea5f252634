// What reading a configuration carries along: the problems, the place of every key that was given,
// and the path of the key that is being read.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/config/document.h"
#include "control/config/problems.h"

namespace kanmon::config {

// What a configuration is checked against besides itself.
struct Machine {
  std::vector<uint16_t> cores;  // that this process may run on; empty: not checked

  static Machine here();
};

class Context {
 public:
  Context(Problems& problems, std::string file) : problems_(problems), file_(std::move(file)) {}

  // Enters a key or list item for as long as the object lives: `path()` grows by it, and its place
  // is remembered under that path: that of a scalar value, else that of the key.
  class Step {
   public:
    Step(Context& context, const Node& key, const Node& value);
    Step(Context& context, std::size_t item, const Node& node);
    ~Step() { context_.path_.resize(length_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Context& context_;
    std::size_t length_;
  };

  const std::string& path() const { return path_; }
  const std::string& file() const { return file_; }
  Problems& problems() { return problems_; }

  // "found X, expected Y" about the value that is being read.
  void expected(const Node& node, std::string_view what);
  // Anything else about it.
  void error(const Node& node, std::string text);
  void warning(const Node& node, std::string text);
  // About the section that is being read as a whole.
  void error_here(std::string text) { error_at(path_, std::move(text)); }

  // About the value of the full path `key`: at its place, or at that of the nearest section around
  // it that was given.
  void error_at(std::string key, std::string text);
  void warning_at(std::string key, std::string text);
  bool given(const std::string& key) const { return places_.count(key) != 0; }
  // Given, and nothing is wrong with it.
  bool sound(const std::string& key) const { return given(key) && !problems_.failed_at(key); }
  // The same for `key` within the section that is being read.
  bool given_here(std::string_view key) const { return given(join(key)); }
  bool sound_here(std::string_view key) const { return sound(join(key)); }
  std::string join(std::string_view key) const;

  // Lists leave out items that are wrong, so an index in memory is not one in the file: the reader
  // says that the item being read was kept, item_path() tells the path of the n-th kept one.
  void keep_item();
  std::string item_path(const std::string& list, std::size_t n) const;
  Mark place(const std::string& key) const;

 private:
  Problems& problems_;
  std::string file_;
  std::string path_;
  std::unordered_map<std::string, Mark> places_;
  std::unordered_map<std::string, std::vector<std::string>> kept_;  // list -> paths of items
};

}  // namespace kanmon::config
