// A view together with its root array, in one block: what a table replaces when it changes shape.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "dataplane/fib/node.h"
#include "dataplane/rings/qsbr.h"

namespace kanmon::fib {

struct Rooted : View, rings::Deferred {
  std::atomic<uint32_t>* slots() { return reinterpret_cast<std::atomic<uint32_t>*>(this + 1); }
  size_t count() const { return size_t{1} << root_bits; }
  size_t bytes() const { return sizeof(Rooted) + count() * sizeof(uint32_t); }

  // Null if no memory is left. All references are 0, which no reader may see.
  static Rooted* make(const char* base, unsigned root_bits, bool wide, NextHopCodes::Values hops) {
    void* memory = std::calloc(1, sizeof(Rooted) + (sizeof(uint32_t) << root_bits));
    if (!memory) return nullptr;
    auto* rooted = new (memory) Rooted;
    rooted->release = [](rings::Deferred* self) { std::free(static_cast<Rooted*>(self)); };
    rooted->base = base;
    rooted->root = rooted->slots();
    rooted->next_hops.store(hops, std::memory_order_relaxed);
    rooted->root_bits = static_cast<uint8_t>(root_bits);
    rooted->wide = wide;
    return rooted;
  }
};

}  // namespace kanmon::fib
