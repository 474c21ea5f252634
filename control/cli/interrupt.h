// While it lives, an interrupt ends what the command does and not the program.
#pragma once

#include <csignal>

namespace kanmon::cli {

class Interruptible {
 public:
  Interruptible() {
    came_ = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { came_ = 1; };
    sigaction(SIGINT, &action, &before_);
  }
  ~Interruptible() { sigaction(SIGINT, &before_, nullptr); }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  bool came() const { return came_ != 0; }

 private:
  inline static volatile std::sig_atomic_t came_ = 0;
  struct sigaction before_ {};
};

}  // namespace kanmon::cli
