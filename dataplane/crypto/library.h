// IPsec-MB as one engine has it: the linked library or a private copy, and managers started for an
// instruction set. Only crypto/ sees this.
#pragma once

#include <memory>

#include <intel-ipsec-mb.h>

#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/private_library.h"

namespace kanmon::crypto {

class Library {
 public:
  // `isa` kAuto: the best there is. Null if the machine or the library lacks it, or the library's
  // own self-test failed.
  static std::unique_ptr<Library> load(Isa isa, bool private_copy);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // For the instruction set asked for: most lanes at once.
  IMB_MGR* wide() const { return wide_; }
  // Started for SSE, whose code hashes one message with SHA-NI where the wide code fills sixteen
  // lanes with one. The same as wide() if that is SSE.
  IMB_MGR* narrow() const { return narrow_ != nullptr ? narrow_ : wide_; }
  Isa isa() const { return isa_; }
  bool is_private() const { return copy_ != nullptr; }
  int last_error() const { return entries_.last_error(wide_); }

 private:
  static constexpr int kIsaCount = 4;
  struct Entries {  // of one copy of the library
    decltype(&alloc_mb_mgr) alloc = nullptr;
    decltype(&free_mb_mgr) release = nullptr;
    decltype(&imb_get_errno) last_error = nullptr;
    init_mb_mgr_t init[kIsaCount] = {};
    bool complete() const;
  };

  Library() = default;
  static Entries linked();
  static Entries entries_of(const PrivateLibrary& copy);
  Isa start(IMB_MGR* manager, Isa isa) const;

  std::unique_ptr<PrivateLibrary> copy_;
  Entries entries_;
  IMB_MGR* wide_ = nullptr;
  IMB_MGR* narrow_ = nullptr;
  Isa isa_ = Isa::kAuto;
};

}  // namespace kanmon::crypto
