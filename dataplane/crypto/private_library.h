// A second, private copy of a shared library inside this process.
//
// IPsec-MB 1.3 writes one process-wide error word in every GCM call; workers that share it pass a
// cache line to and fro with every packet. A copy loaded from a file of its own has variables of
// its own. The code is the installed library's, octet for octet.
#pragma once

#include <memory>

namespace kanmon::crypto {

class PrivateLibrary {
 public:
  // A copy of the shared object that defines `symbol`. Null if that is the program itself, or the
  // system refuses (no /proc, no memfd), or a sanitizer is on, which does not go with it.
  static std::unique_ptr<PrivateLibrary> copy_of(const void* symbol);
  ~PrivateLibrary();
  PrivateLibrary(const PrivateLibrary&) = delete;
  PrivateLibrary& operator=(const PrivateLibrary&) = delete;

  // The copy's own definition of `name`, or null.
  template <class Function>
  Function* find(const char* name) const {
    return reinterpret_cast<Function*>(address(name));
  }

 private:
  explicit PrivateLibrary(void* handle) : handle_(handle) {}
  void* address(const char* name) const;

  void* handle_;
};

}  // namespace kanmon::crypto
