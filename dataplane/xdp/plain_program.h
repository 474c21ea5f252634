// The plain program as a file for the AF_XDP driver, which takes its program from a path only.
#pragma once

#include <string>

namespace kanmon::xdp {

class PlainProgram {
 public:
  PlainProgram();
  ~PlainProgram();
  PlainProgram(const PlainProgram&) = delete;
  PlainProgram& operator=(const PlainProgram&) = delete;

  // Of a file in memory, which lives as long as this object; empty: there is none.
  std::string path() const;

 private:
  int fd_;
};

}  // namespace kanmon::xdp
