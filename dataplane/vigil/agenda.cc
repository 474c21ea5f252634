#include "dataplane/vigil/agenda.h"

#include <algorithm>

namespace kanmon::vigil {

Agenda::Agenda(uint32_t slots)
    : heap_(std::make_unique<Entry[]>(slots)), places_(std::make_unique<uint32_t[]>(slots)) {
  std::fill_n(places_.get(), slots, kNowhere);
}

void Agenda::put(uint32_t at, const Entry& entry) {
  heap_[at] = entry;
  places_[entry.slot] = at;
}

void Agenda::rise(uint32_t at, const Entry& entry) {
  while (at != 0 && heap_[(at - 1) / 2].due > entry.due) {
    put(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  put(at, entry);
}

void Agenda::sink(uint32_t at, const Entry& entry) {
  for (uint32_t child = 2 * at + 1; child < count_; child = 2 * at + 1) {
    if (child + 1 < count_ && heap_[child + 1].due < heap_[child].due) ++child;
    if (heap_[child].due >= entry.due) break;
    put(at, heap_[child]);
    at = child;
  }
  put(at, entry);
}

void Agenda::remove(uint32_t at) {
  places_[heap_[at].slot] = kNowhere;
  const Entry last = heap_[--count_];
  if (at == count_) return;
  sink(at, last);
  rise(places_[last.slot], last);
}

void Agenda::set(uint32_t slot, uint64_t due) {
  const uint32_t at = places_[slot];
  if (due == kNever) {
    if (at != kNowhere) remove(at);
  } else if (at == kNowhere) {
    rise(count_++, {due, slot});
  } else if (due < heap_[at].due) {
    rise(at, {due, slot});
  } else {
    sink(at, {due, slot});
  }
}

}  // namespace kanmon::vigil
