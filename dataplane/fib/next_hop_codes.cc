#include "dataplane/fib/next_hop_codes.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace kanmon::fib {
namespace {

constinit std::atomic<uint32_t> no_hops[NextHopCodes::kMinCapacity] = {};

}  // namespace

struct NextHopCodes::Block : rings::Deferred {
  uint32_t capacity = 0;

  std::atomic<uint32_t>* values() { return reinterpret_cast<std::atomic<uint32_t>*>(this + 1); }
  uint32_t value(uint32_t code) { return values()[code].load(std::memory_order_relaxed); }
  uint32_t* notes() { return reinterpret_cast<uint32_t*>(values() + capacity); }
  // Open addressing, twice as many places as codes; 0 is an empty place (kDefault is not looked
  // up).
  uint16_t* places() { return reinterpret_cast<uint16_t*>(notes() + capacity); }
  uint32_t mask() const { return 2 * capacity - 1; }
  static size_t bytes(uint32_t capacity) { return sizeof(Block) + size_t{capacity} * 12; }
  static void free_block(rings::Deferred* self) { std::free(static_cast<Block*>(self)); }
  // Fibonacci hashing: consecutive indices, which is what next hops have, spread evenly.
  uint32_t first_place(NextHop hop) const { return (hop.raw * 0x9E3779B1u >> 8) & mask(); }
};

NextHopCodes::~NextHopCodes() {
  std::free(block_);
}

void NextHopCodes::swap(NextHopCodes& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(count_, other.count_);
}

NextHopCodes::Block* NextHopCodes::make_block(uint32_t capacity) {
  void* memory = std::calloc(1, Block::bytes(capacity));
  if (!memory) return nullptr;
  auto* block = new (memory) Block;
  block->release = Block::free_block;
  block->capacity = capacity;
  return block;
}

uint32_t NextHopCodes::find(NextHop hop) const {
  if (!hop) return kDefault;
  if (!block_) return kUnknown;
  for (uint32_t i = block_->first_place(hop);; i = (i + 1) & block_->mask()) {
    const uint32_t code = block_->places()[i];
    if (code == 0) return kUnknown;
    if (block_->value(code) == hop.raw) return code;
  }
}

void NextHopCodes::put(NextHop hop) {
  uint32_t i = block_->first_place(hop);
  while (block_->places()[i] != 0) i = (i + 1) & block_->mask();
  block_->places()[i] = static_cast<uint16_t>(count_);
  block_->values()[count_++].store(hop.raw, std::memory_order_relaxed);
}

// Twice the capacity, or the first block. False, and nothing changed, if there is none to be had.
bool NextHopCodes::grow(rings::Qsbr* qsbr) {
  const uint32_t capacity = block_ ? 2 * block_->capacity : kMinCapacity;
  Block* larger = capacity <= kMaxCodes ? make_block(capacity) : nullptr;
  if (!larger) return false;
  Block* old = std::exchange(block_, larger);
  const uint32_t count = std::exchange(count_, kDefault + 1);
  if (!old) return true;
  block_->values()[kDefault].store(old->value(kDefault), std::memory_order_relaxed);
  for (uint32_t code = kDefault + 1; code < count; ++code) put(NextHop{old->value(code)});
  std::memcpy(block_->notes(), old->notes(), size_t{count} * sizeof(uint32_t));
  qsbr->retire(*old);
  return true;
}

Status NextHopCodes::add(NextHop hop, rings::Qsbr& qsbr, Published& published) {
  if (find(hop) != kUnknown) return success();
  if ((!block_ || count_ == block_->capacity) && !grow(&qsbr)) return Errc::kNoSpace;
  put(hop);
  published.store(block_->values(), std::memory_order_release);
  return success();
}

Status NextHopCodes::set_default(NextHop hop, Published& published) {
  if (!block_ && (!hop || !grow(nullptr))) return hop ? Status(Errc::kNoSpace) : success();
  block_->values()[kDefault].store(hop.raw, std::memory_order_relaxed);
  published.store(block_->values(), std::memory_order_release);
  return success();
}

uint32_t& NextHopCodes::note(uint32_t code) const {
  return block_->notes()[code];
}

NextHopCodes::Values NextHopCodes::values() const {
  return block_ ? block_->values() : no_hops;
}

size_t NextHopCodes::memory_bytes() const {
  return block_ ? Block::bytes(block_->capacity) : 0;
}

void NextHopCodes::retire(rings::Qsbr& qsbr) {
  if (block_) qsbr.retire(*block_);
  block_ = nullptr;
  count_ = 0;
}

}  // namespace kanmon::fib
