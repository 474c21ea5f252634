// Pre-shared keys and MD5 passwords are taken out of a YAML text before the YAML library sees it:
// what passes through its buffers is freed without being wiped (INV-9).
//
// Only values whose extent is certain without a YAML parser are hidden: on the line of their name,
// in quotes without escapes or as one plain word. Each is replaced by as many x, so that no line or
// column moves; the parser's events tell whether the guess was right.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace kanmon::config {

class HiddenKeys {
 public:
  // `text` stays with the caller, who wipes it, and must outlive this object.
  explicit HiddenKeys(std::string_view text);

  // The text without the keys; no octet of a hidden one was ever in it.
  const std::string& text() const { return text_; }
  // The key that stood where the parser found the scalar `seen`, whose first octet (or quote) is at
  // offset `at` of text(). Empty if nothing was hidden there.
  std::string_view take(std::size_t at, std::string_view seen);
  // False: something was replaced that the parser does not take for a value of its own. text() is
  // then not what its author means.
  bool all_taken() const { return taken_ == keys_.size(); }

 private:
  std::map<std::size_t, std::string_view> keys_;  // by offset of the scalar
  std::size_t taken_ = 0;
  std::string text_;
};

}  // namespace kanmon::config
