// Tables for people: columns aligned, units in the head. Pure.
#pragma once

#include <string>
#include <vector>

namespace kanmon::bench {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string head;
    Align align = Align::kRight;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: one cell per column.
  void add(std::vector<std::string> cells);
  // Head and rows, each ended by a line break, two blanks between columns, none at the end.
  std::string text() const;
  bool empty() const { return rows_.empty(); }

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// A number with so many digits behind the point, "-" for one that is not finite.
std::string number(double value, int digits);
// With commas between thousands.
std::string grouped(uint64_t value);

}  // namespace kanmon::bench
