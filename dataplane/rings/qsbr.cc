#include "dataplane/rings/qsbr.h"

#include <algorithm>
#include <new>

#include <sched.h>

namespace kanmon::rings {
namespace {

struct Note : Deferred {
  void* object = nullptr;
  void (*deleter)(void*, void*) = nullptr;
  void* ctx = nullptr;
};

void release_note(Deferred* self) {
  auto* note = static_cast<Note*>(self);
  note->deleter(note->object, note->ctx);
  delete note;
}

}  // namespace

Qsbr::~Qsbr() {
  drain();
}

// A read-modify-write, as is control's look at an offline slot: the two are ordered, so either
// control sees this reader online, or this reader sees everything control unlinked before it
// looked.
void Qsbr::online(unsigned reader) {
  slots_[reader].seen.exchange(epoch_.load(std::memory_order_acquire), std::memory_order_acq_rel);
}

void Qsbr::offline(unsigned reader) {
  slots_[reader].seen.store(kOffline, std::memory_order_release);
}

uint64_t Qsbr::retire(Deferred& object) {
  object.epoch = epoch_.load(std::memory_order_relaxed) + 1;  // the one reclaim() will begin
  object.next = nullptr;
  (last_ ? last_->next : first_) = &object;
  last_ = &object;
  ++pending_;
  return object.epoch;
}

uint64_t Qsbr::retire(void* p, void (*deleter)(void*, void*), void* ctx) {
  if (auto* note = new (std::nothrow) Note) {
    note->release = release_note;
    note->object = p;
    note->deleter = deleter;
    note->ctx = ctx;
    return retire(*note);
  }
  const uint64_t epoch = epoch_.load(std::memory_order_relaxed) + 1;
  epoch_.store(epoch, std::memory_order_release);
  while (oldest_seen() < epoch) sched_yield();
  deleter(p, ctx);
  return epoch;
}

size_t Qsbr::reclaim() {
  if (!first_) return 0;
  begin_epoch();
  passed_ = std::max(passed_, oldest_seen());
  size_t freed = 0;
  while (first_ && first_->epoch <= passed_) {
    Deferred* object = first_;
    first_ = object->next;
    if (!first_) last_ = nullptr;
    --pending_;
    ++freed;
    object->release(object);  // may retire more: the queue is whole again here
  }
  return freed;
}

void Qsbr::drain() {
  while (first_)
    if (reclaim() == 0) sched_yield();
}

void Qsbr::begin_epoch() {
  const uint64_t now = epoch_.load(std::memory_order_relaxed);
  if (last_->epoch > now) epoch_.store(last_->epoch, std::memory_order_release);
}

uint64_t Qsbr::oldest_seen() {
  uint64_t oldest = epoch_.load(std::memory_order_relaxed);
  for (Slot& slot : slots_) {
    uint64_t seen = slot.seen.load(std::memory_order_acquire);
    // On failure `seen` becomes what a reader that just came online stored.
    if (seen == kOffline &&
        slot.seen.compare_exchange_strong(seen, kOffline, std::memory_order_acq_rel))
      continue;
    oldest = std::min(oldest, seen);
  }
  return oldest;
}

}  // namespace kanmon::rings
