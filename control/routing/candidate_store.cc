#include "control/routing/candidate_store.h"

namespace kanmon::routing {

template <class A>
size_t CandidateStore<A>::place(A address, uint8_t length) const {
  size_t i = home(address, length);
  while (slots_[i] != kNone) {
    const Entry& e = at(slots_[i]);
    if (e.address == address && e.length == length) break;
    i = (i + 1) & (slots_.size() - 1);
  }
  return i;
}

template <class A>
uint32_t CandidateStore<A>::find(A address, uint8_t length) const {
  return slots_.empty() ? kNone : slots_[place(address, length)];
}

template <class A>
uint32_t CandidateStore<A>::make(A address, uint8_t length, OfferId offer) {
  Index i = free_;
  if (i != kNone) {
    free_ = at(i).next;
  } else {
    if (made_ % kChunk == 0) chunks_.push_back(std::make_unique<Chunk>());
    i = made_++;
  }
  at(i) = {.address = address,
           .offer = offer,
           .before_of_offer = i,
           .after_of_offer = i,
           .length = length,
           .in_use = true};
  ++size_;
  return i;
}

template <class A>
void CandidateStore<A>::free(Index i) {
  at(i).in_use = false;
  at(i).next = free_;
  free_ = i;
  --size_;
}

template <class A>
void CandidateStore<A>::set_head(Index old, Index head) {
  if (old == kNone && (prefixes_ + 1) * 4 > slots_.size() * 3) grow();
  const Entry& e = at(head);
  if (old == kNone) ++prefixes_;
  slots_[place(e.address, e.length)] = head;
}

// What follows moves up, so that no search meets a gap before its goal.
template <class A>
void CandidateStore<A>::erase_head(Index head) {
  const size_t mask = slots_.size() - 1;
  size_t gap = place(at(head).address, at(head).length);
  assert(slots_[gap] == head);
  for (size_t i = (gap + 1) & mask; slots_[i] != kNone; i = (i + 1) & mask) {
    const size_t from_home = (i - home(at(slots_[i]))) & mask;
    if (from_home < ((i - gap) & mask)) continue;
    slots_[gap] = slots_[i];
    gap = i;
  }
  slots_[gap] = kNone;
  --prefixes_;
}

template <class A>
void CandidateStore<A>::grow() {
  std::vector<Index> old(slots_.empty() ? 16 : 2 * slots_.size(), kNone);
  old.swap(slots_);
  for (const Index head : old)
    if (head != kNone) slots_[place(at(head).address, at(head).length)] = head;
}

template <class A>
void CandidateStore<A>::link_after(Index in_ring, Index alone) {
  Entry& first = at(in_ring);
  Entry& added = at(alone);
  added.before_of_offer = in_ring;
  added.after_of_offer = first.after_of_offer;
  at(first.after_of_offer).before_of_offer = alone;
  first.after_of_offer = alone;
}

template <class A>
uint32_t CandidateStore<A>::unlink(Index i) {
  Entry& e = at(i);
  const Index other = e.after_of_offer;
  at(e.before_of_offer).after_of_offer = e.after_of_offer;
  at(e.after_of_offer).before_of_offer = e.before_of_offer;
  e.before_of_offer = e.after_of_offer = i;
  return other == i ? kNone : other;
}

template class CandidateStore<Address4>;
template class CandidateStore<Address6>;

}  // namespace kanmon::routing
