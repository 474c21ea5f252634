// Memory for the nodes of lookup structures: a stretch of address space, handed out in blocks of a
// few dozen sizes and named by 32-bit references (offset / 8), so that a child costs four octets.
//
// Address space is reserved once and committed in steps as it is needed; nothing ever moves. Pages
// hold blocks of one size only, so the size of a block follows from its address. Control thread
// only (readers use base() and the blocks themselves).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kanmon::fib {

class Arena {
 public:
  using Ref = uint32_t;
  static constexpr unsigned kRefShift = 3;  // blocks are multiples of 8 octets
  static constexpr size_t kMaxBlockBytes = 2048;
  static constexpr size_t kPageBytes = 16384;      // of one block size each
  static constexpr size_t kCommitBytes = 2 << 20;  // a huge page, where the kernel grants them

  // `limit_bytes` of address space, at most 32 GiB; no memory is used before it is needed.
  explicit Arena(size_t limit_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Where reference 0 is; nothing lives there. Null if the reservation failed.
  char* base() const { return base_; }
  char* at(Ref ref) const { return base_ + (size_t{ref} << kRefShift); }

  // Makes sure that blocks of `bytes` in sum, of any sizes, can be allocated without fail.
  // False if the system or the limit refuses; then nothing changed.
  bool reserve(size_t bytes);
  // A block of at least `bytes`, aligned to 8, not cleared. REQUIRES: bytes <= kMaxBlockBytes,
  // and a reserve() that covers it.
  Ref allocate(size_t bytes);
  // Gives back the block that `inside` points into.
  void release(Ref inside);
  // The size of the block that `bytes` get.
  static size_t size_for(size_t bytes);
  // The whole size of the block that `inside` points into.
  size_t block_bytes(Ref inside) const { return kSizes[class_of(inside)]; }

  size_t used_bytes() const { return used_; }                    // in blocks that are out
  size_t footprint_bytes() const { return bump_ - kPageBytes; }  // pages ever given to a size

 private:
  static constexpr std::array<uint16_t, 26> kSizes = {16,  24,  32,  40,  48,  56,   64,   72,  80,
                                                      96,  112, 128, 160, 192, 224,  256,  320, 384,
                                                      448, 512, 640, 768, 896, 1152, 1536, 2048};

  struct Class {
    Ref free = 0;     // list through the first four octets of the blocks; 0 ends it
    size_t next = 0;  // the untouched rest of the newest page of this size: [next, end)
    size_t end = 0;
  };

  unsigned class_of(Ref inside) const;
  bool commit(size_t end);

  char* map_ = nullptr;  // what was reserved; base_ is the first huge-page border in it
  char* base_ = nullptr;
  uint8_t* page_class_ = nullptr;  // the block size of each page, as an index of kSizes
  size_t limit_ = 0;
  size_t mapped_ = 0;
  size_t committed_ = 0;
  size_t bump_ = kPageBytes;  // next unused page; page 0 stays unused, so that no block is ref 0
  size_t used_ = 0;
  std::array<Class, kSizes.size()> classes_{};
};

}  // namespace kanmon::fib
