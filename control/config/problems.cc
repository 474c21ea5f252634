#include "control/config/problems.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <tuple>

#include "control/log/text.h"

namespace kanmon::config {
namespace {

std::string folded(std::string_view word) {
  std::string out(word);
  for (char& c : out)
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Edits (insert, delete, replace, swap of neighbours) between two words.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string Problem::to_string() const {
  std::string out = file;
  if (line != 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  out += warning ? ": warning: " : ": error: ";
  if (!key.empty()) out += key + ": ";
  return out + text;
}

void Problems::error(Mark mark, std::string key, std::string text) {
  add(mark, std::move(key), std::move(text), false);
}

void Problems::warning(Mark mark, std::string key, std::string text) {
  add(mark, std::move(key), std::move(text), true);
}

bool Problems::failed_at(std::string_view key) const {
  return std::any_of(problems_.begin(), problems_.end(), [&](const Problem& p) {
    return !p.warning && p.key.compare(0, key.size(), key) == 0 &&
           (p.key.size() == key.size() || p.key[key.size()] == '.' || p.key[key.size()] == '[');
  });
}

void Problems::add(Mark mark, std::string key, std::string text, bool warning) {
  if (!warning) ++errors_;
  if (problems_.size() >= kLimit) {
    ++left_out_;
    return;
  }
  Problem p;
  p.file = file_;
  p.line = mark.line;
  p.column = mark.column;
  p.key = std::move(key);
  p.text = std::move(text);
  p.warning = warning;
  problems_.push_back(std::move(p));
}

std::vector<Problem> Problems::take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (left_out_ != 0) {
    Problem p;
    p.file = file_;
    p.text = std::to_string(left_out_) + " more problems are not listed";
    p.warning = !failed();
    problems_.push_back(std::move(p));
  }
  return std::move(problems_);
}

std::string in_quotes(std::string_view text) {
  return "\"" + log::printable(text, 64) + "\"";
}

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t kLongestWord = 64;
  if (word.empty() || word.size() > kLongestWord) return {};
  const std::string sought = folded(word);
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t d = distance(sought, folded(candidate));
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return std::string(best);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string best = nearest(word, candidates);
  return best.empty() ? "" : "; did you mean " + best + "?";
}

}  // namespace kanmon::config
