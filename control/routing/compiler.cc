#include "control/routing/compiler.h"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <type_traits>

namespace kanmon::routing {
namespace {

using fib::NextHop;
using fib::NextHopKind;

template <class Store>
using AddressOf = decltype(typename Store::Entry{}.address);

template <class Store>
wire::Prefix prefix_of(const typename Store::Entry& e) {
  return {e.address.to_ip(), e.length};
}

}  // namespace

Compiler::Compiler(Forwarding& forwarding, uint32_t groups)
    : forwarding_(forwarding), most_groups_(groups) {}
Compiler::~Compiler() = default;

Compiler::Table* Compiler::find(TableId table) {
  const auto it = tables_.find(table);
  return it == tables_.end() ? nullptr : it->second.get();
}
const Compiler::Table* Compiler::find(TableId table) const {
  const auto it = tables_.find(table);
  return it == tables_.end() ? nullptr : it->second.get();
}

template <class F>
decltype(auto) Compiler::with_store(Table& table, const wire::Prefix& prefix, F f) {
  return prefix.address.is_v4() ? f(table.v4) : f(table.v6);
}
template <class F>
decltype(auto) Compiler::with_store(const Table& table, const wire::Prefix& prefix, F f) const {
  return prefix.address.is_v4() ? f(table.v4) : f(table.v6);
}
template <>
uint32_t& Compiler::first<Store4>(Offer& offer) {
  return offer.first4;
}
template <>
uint32_t& Compiler::first<Store6>(Offer& offer) {
  return offer.first6;
}

void Compiler::add_table(TableId table, bool underlay) {
  auto& made = tables_[table];
  assert(made == nullptr);
  made = std::make_unique<Table>();
  made->underlay = underlay;
}

void Compiler::drop_table(TableId number) {
  Table* table = find(number);
  if (table == nullptr) return;
  for (const auto& [spec, id] : std::map<OfferSpec, OfferId>(table->offers)) drop_offer(id);
  tables_.erase(number);
}

SourceId Compiler::source(const Source& source) {
  const auto known = source_ids_.find(source);
  if (known != source_ids_.end()) return known->second;
  SourceId id;
  if (!free_sources_.empty()) {
    id = free_sources_.back();
    free_sources_.pop_back();
  } else {
    id = static_cast<SourceId>(sources_.size());
    sources_.emplace_back();
  }
  sources_[id] = {source, 0};
  source_ids_.emplace(source, id);
  return id;
}

// ---- offers

OfferId Compiler::offer(TableId number, const OfferSpec& spec) {
  Table& table = *find(number);
  const auto known = table.offers.find(spec);
  if (known != table.offers.end()) {
    ++offer_at(known->second).holds;
    return known->second;
  }
  OfferId id;
  if (!free_offers_.empty()) {
    id = free_offers_.back();
    free_offers_.pop_back();
  } else {
    id = static_cast<OfferId>(offers_.size());
    offers_.emplace_back();
  }
  Offer& made = offer_at(id);
  made = Offer{.table = number, .spec = spec, .holds = 1};
  table.offers.emplace(spec, id);
  ++sources_[spec.source].offers;
  for (const Member& m : spec.members) hops_[m.hop.raw].users.push_back(id);
  made.effect = evaluate(made);
  return id;
}

void Compiler::release(OfferId id) {
  Offer& offer = offer_at(id);
  assert(offer.holds != 0);
  if (--offer.holds != 0) return;
  find(offer.table)->offers.erase(offer.spec);
  drop_offer(id);
}

// What is outside of the table's own books: hops, group, source, the id.
void Compiler::drop_offer(OfferId id) {
  Offer& offer = offer_at(id);
  for (const Member& m : offer.spec.members) {
    const auto hop = hops_.find(m.hop.raw);
    std::erase(hop->second.users, id);
    if (hop->second.users.empty() && hop->second.live) hops_.erase(hop);
  }
  if (offer.group) {
    forwarding_.set_group(*offer.group, {});
    ++work_.groups;
    free_groups_.push_back(*offer.group);
  }
  KnownSource& source = sources_[offer.spec.source];
  if (--source.offers == 0) {
    source_ids_.erase(source.source);
    free_sources_.push_back(offer.spec.source);
  }
  offer = {};
  free_offers_.push_back(id);
}

bool Compiler::recurses(const Offer& offer) const {
  if (!find(offer.table)->underlay) return false;
  return std::any_of(offer.spec.members.begin(), offer.spec.members.end(), [](const Member& m) {
    return m.hop.kind() == NextHopKind::kTunnel || m.hop.kind() == NextHopKind::kGroup;
  });
}

bool Compiler::is_live(NextHop hop) const {
  const auto it = hops_.find(hop.raw);
  return it == hops_.end() || it->second.live;
}

// The members alive with a weight; else, those alive that stand by, sharing equally.
std::vector<Member> Compiler::carrying(const OfferSpec& spec) const {
  std::vector<Member> first, second;
  for (const Member& m : spec.members) {
    if (!is_live(m.hop)) continue;
    if (m.weight != 0) first.push_back(m);
    if (m.weight == 0) second.push_back({m.hop, 1});
  }
  return first.empty() ? second : first;
}

std::optional<uint32_t> Compiler::take_group() {
  if (free_groups_.empty())
    return made_groups_ < most_groups_ ? std::optional(made_groups_++) : std::nullopt;
  const uint32_t group = free_groups_.back();
  free_groups_.pop_back();
  return group;
}

void Compiler::make_group(Offer& offer) {
  offer.group = take_group();
  if (!offer.group) return;
  forwarding_.set_group(*offer.group, offer.spec.members);
  ++work_.groups;
}

Compiler::Effect Compiler::evaluate(Offer& offer) {
  ++work_.offers;
  const OfferSpec& spec = offer.spec;
  if (recurses(offer)) return {Outcome::kRejected, {}};
  std::vector<Member> carry = carrying(spec);
  Outcome outcome = Outcome::kForwards;
  if (carry.empty()) {
    if (spec.on_down == OnDown::kWithdraw) return {Outcome::kWithdrawn, {}};
    if (spec.on_down != OnDown::kHold)
      return {Outcome::kBlackholed, NextHop::make(NextHopKind::kBlackhole)};
    outcome = Outcome::kHeld;
    carry = spec.members;
    for (Member& m : carry) m.weight = std::max<uint8_t>(m.weight, 1);
  }
  if (!offer.group && spec.members.size() > 1 && !find(offer.table)->underlay) make_group(offer);
  if (!offer.group) {
    const auto heaviest = std::max_element(carry.begin(), carry.end(),
                                           [](auto& a, auto& b) { return a.weight < b.weight; });
    return {outcome, heaviest->hop};
  }
  offer.carrying = std::move(carry);
  return {outcome, NextHop::make(NextHopKind::kGroup, *offer.group)};
}

void Compiler::set_live(NextHop hop, bool live) {
  const auto it = hops_.find(hop.raw);
  if (it == hops_.end()) {
    if (!live) hops_[hop.raw].live = false;
    return;
  }
  if (it->second.live == live) return;
  it->second.live = live;
  const std::vector<OfferId> users = it->second.users;
  for (const OfferId id : users) reevaluate(id);
  if (live && users.empty()) hops_.erase(it);
}

void Compiler::reevaluate(OfferId id) {
  Offer& offer = offer_at(id);
  const Effect old = offer.effect;
  offer.effect = evaluate(offer);
  if (offer.effect.hop == old.hop) return;
  Table& table = *find(offer.table);
  refresh(table.v4, offer, old);
  refresh(table.v6, offer, old);
}

// ---- candidates

bool Compiler::comes_before(const Offer& a, const Offer& b) const {
  const Source& x = sources_[a.spec.source].source;
  const Source& y = sources_[b.spec.source].source;
  if (x.origin != y.origin) return x.origin < y.origin;
  return x.name < y.name;
}

template <class Store>
const typename Store::Entry* Compiler::best(const Store& store, uint32_t head) const {
  for (uint32_t i = head; i != Store::kNone; i = store.at(i).next)
    if (offer_at(store.at(i).offer).effect.hop) return &store.at(i);
  return nullptr;
}

template <class Store>
NextHop Compiler::chosen(const Store& store, uint32_t head) const {
  const auto* entry = best(store, head);
  return entry == nullptr ? NextHop{} : offer_at(entry->offer).effect.hop;
}

template <class Store>
void Compiler::publish(TableId table, Store& store, uint32_t head, const wire::Prefix& prefix,
                       NextHop before) {
  ++work_.chains;
  const NextHop now = chosen(store, head);
  const bool retry = head != Store::kNone && store.at(head).not_installed;
  if (now == before && !retry) return;
  if (!now) {
    ++work_.removals;
    forwarding_.unset(table, prefix);
    if (head != Store::kNone) store.at(head).not_installed = false;
    return;
  }
  ++work_.installs;
  store.at(head).not_installed = !forwarding_.set(table, prefix, now).ok();
}

template <class Store>
void Compiler::attach(Store& store, Offer& offer, uint32_t entry) {
  uint32_t& any = first<Store>(offer);
  if (any != Store::kNone) store.link_after(any, entry);
  any = entry;
  ++offer.holds;
}

template <class Store>
void Compiler::detach(Store& store, uint32_t entry) {
  const OfferId id = store.at(entry).offer;
  first<Store>(offer_at(id)) = store.unlink(entry);
  release(id);
}

template <class Store>
uint32_t Compiler::cut(Store& store, uint32_t head, SourceId source, uint32_t& taken) {
  uint32_t before = Store::kNone;
  for (uint32_t i = head; i != Store::kNone; before = i, i = store.at(i).next) {
    if (offer_at(store.at(i).offer).spec.source != source) continue;
    taken = i;
    if (before == Store::kNone) return store.at(i).next;
    store.at(before).next = store.at(i).next;
    return head;
  }
  return head;
}

template <class Store>
void Compiler::insert(Store& store, OfferId id, const wire::Prefix& prefix, uint32_t now_s) {
  Offer& offer = offer_at(id);
  const auto address = AddressOf<Store>::of(prefix.address);
  const uint32_t head = store.find(address, prefix.length);
  const NextHop before = chosen(store, head);
  const bool retry = head != Store::kNone && store.at(head).not_installed;
  uint32_t replaced = Store::kNone;
  uint32_t rest = head == Store::kNone ? head : cut(store, head, offer.spec.source, replaced);

  const uint32_t added = store.make(address, prefix.length, id);
  store.at(added).since_s = now_s;
  uint32_t last = Store::kNone;  // after which the new one stands
  for (uint32_t i = rest; i != Store::kNone; i = store.at(i).next) {
    if (comes_before(offer, offer_at(store.at(i).offer))) break;
    last = i;
  }
  store.at(added).next = last == Store::kNone ? rest : store.at(last).next;
  if (last != Store::kNone) store.at(last).next = added;
  const uint32_t now_head = last == Store::kNone ? added : rest;
  if (now_head != head) store.set_head(head, now_head);
  attach(store, offer, added);
  if (replaced != Store::kNone) {
    // The same offer again is no news: its age goes on.
    if (store.at(replaced).offer == id) store.at(added).since_s = store.at(replaced).since_s;
  }
  store.at(now_head).not_installed = retry;
  publish(offer.table, store, now_head, prefix, before);
  if (replaced != Store::kNone) {
    detach(store, replaced);
    store.free(replaced);
  }
}

void Compiler::add(OfferId offer, const wire::Prefix& prefix, uint32_t now_s) {
  with_store(*find(offer_at(offer).table), prefix,
             [&](auto& store) { insert(store, offer, prefix, now_s); });
}

bool Compiler::withdraw(TableId number, SourceId source, const wire::Prefix& prefix) {
  Table* table = find(number);
  if (table == nullptr) return false;
  return with_store(*table, prefix, [&](auto& store) {
    using Store = std::remove_reference_t<decltype(store)>;
    const uint32_t head = store.find(AddressOf<Store>::of(prefix.address), prefix.length);
    if (head == Store::kNone) return false;
    const NextHop before = chosen(store, head);
    const bool retry = store.at(head).not_installed;
    uint32_t taken = Store::kNone;
    const uint32_t rest = cut(store, head, source, taken);
    if (taken == Store::kNone) return false;
    if (rest == Store::kNone) store.erase_head(head);
    if (rest != Store::kNone && rest != head) store.set_head(head, rest);
    if (rest != Store::kNone) store.at(rest).not_installed = retry;
    publish(number, store, rest, prefix, before);
    detach(store, taken);
    store.free(taken);
    return true;
  });
}

// The routes of an offer that now installs something else.
template <class Store>
void Compiler::refresh(Store& store, Offer& offer, const Effect& old) {
  const uint32_t any = first<Store>(offer);
  if (any == Store::kNone) return;
  const Effect fresh = offer.effect;
  uint32_t i = any;
  do {
    const auto& entry = store.at(i);
    const uint32_t head = store.find(entry.address, entry.length);
    offer.effect = old;
    const NextHop before = chosen(store, head);
    offer.effect = fresh;
    publish(offer.table, store, head, prefix_of<Store>(entry), before);
    i = entry.after_of_offer;
  } while (i != any);
}

// ---- reading

template <class Store>
std::vector<Compiler::Candidate> Compiler::list(const Store& store, uint32_t head,
                                                const wire::Prefix& prefix) const {
  std::vector<Candidate> out;
  const auto* winner = best(store, head);
  for (uint32_t i = head; i != Store::kNone; i = store.at(i).next) {
    const auto& entry = store.at(i);
    const Offer& offer = offer_at(entry.offer);
    Candidate c{.prefix = prefix,
                .source = &sources_[offer.spec.source].source,
                .offer = &offer.spec,
                .outcome = offer.effect.outcome,
                .best = &entry == winner,
                .since_s = entry.since_s};
    c.not_installed = c.best && store.at(head).not_installed;
    if (!offer.group && offer.effect.hop) c.carrying = {offer.effect.hop};
    if (offer.group)
      for (const Member& m : offer.carrying) c.carrying.push_back(m.hop);
    if (winner != nullptr) c.winner = &sources_[offer_at(winner->offer).spec.source].source;
    out.push_back(c);
  }
  return out;
}

std::vector<Compiler::Candidate> Compiler::at(TableId number, const wire::Prefix& prefix) const {
  const Table* table = find(number);
  if (table == nullptr) return {};
  return with_store(*table, prefix, [&](const auto& store) {
    using Store = std::remove_cvref_t<decltype(store)>;
    return list(store, store.find(AddressOf<Store>::of(prefix.address), prefix.length), prefix);
  });
}

std::optional<wire::Prefix> Compiler::match(TableId number, const wire::IpAddress& address) const {
  const Table* table = find(number);
  if (table == nullptr) return std::nullopt;
  for (int length = address.bits(); length >= 0; --length) {
    const auto prefix = wire::Prefix::make(address, static_cast<uint8_t>(length));
    const bool found = with_store(*table, prefix, [&](const auto& store) {
      using Store = std::remove_cvref_t<decltype(store)>;
      const uint32_t head = store.find(AddressOf<Store>::of(prefix.address), prefix.length);
      return static_cast<bool>(chosen(store, head));
    });
    if (found) return prefix;
  }
  return std::nullopt;
}

namespace {

// IPv4 before IPv6, then by address, then from short to long.
bool earlier(const wire::Prefix& a, const wire::Prefix& b) {
  return std::tie(a.address.family, a.address.octets, a.length) <
         std::tie(b.address.family, b.address.octets, b.length);
}

// Keeps the first `most` of what it is given, in a heap whose top is the last of them.
class FirstFew {
 public:
  explicit FirstFew(const Compiler::Query& query) : query_(query) {}
  template <class Store>
  void look_at(const Store& store) {
    for (uint32_t i = 0; i < store.bound(); ++i) {
      const auto& e = store.at(i);
      if (!e.in_use) continue;
      const auto p = prefix_of<Store>(e);
      // One entry a prefix: its head. Asked last, it costs a search.
      if (wants(p) && store.find(e.address, e.length) == i) put(p);
    }
  }
  std::vector<wire::Prefix> take() {
    std::sort_heap(few_.begin(), few_.end(), earlier);
    return std::move(few_);
  }

 private:
  bool wants(const wire::Prefix& p) const {
    if (query_.within && !query_.within->contains(p)) return false;
    if (query_.after && !earlier(*query_.after, p)) return false;
    return few_.size() < query_.most || (!few_.empty() && earlier(p, few_.front()));
  }
  void put(const wire::Prefix& p) {
    few_.push_back(p);
    std::push_heap(few_.begin(), few_.end(), earlier);
    if (few_.size() <= query_.most) return;
    std::pop_heap(few_.begin(), few_.end(), earlier);
    few_.pop_back();
  }

  const Compiler::Query& query_;
  std::vector<wire::Prefix> few_;
};

}  // namespace

std::vector<wire::Prefix> Compiler::prefixes(TableId number, const Query& query) const {
  const Table* table = find(number);
  if (table == nullptr) return {};
  FirstFew few(query);
  few.look_at(table->v4);
  few.look_at(table->v6);
  return few.take();
}

std::map<uint32_t, Compiler::GroupUse> Compiler::groups() const {
  std::map<uint32_t, GroupUse> uses;
  for (const Offer& offer : offers_)
    if (offer.group)
      uses[*offer.group] = {offer.table, &sources_[offer.spec.source].source, offer.holds};
  return uses;
}

size_t Compiler::size(TableId number) const {
  const Table* table = find(number);
  return table == nullptr ? 0 : table->v4.prefixes() + table->v6.prefixes();
}

size_t Compiler::candidates(TableId number) const {
  const Table* table = find(number);
  return table == nullptr ? 0 : table->v4.size() + table->v6.size();
}

size_t Compiler::memory_bytes() const {
  size_t bytes = offers_.capacity() * sizeof(Offer) + sources_.capacity() * sizeof(KnownSource);
  for (const auto& [number, table] : tables_)
    bytes += sizeof(Table) + table->v4.memory_bytes() + table->v6.memory_bytes();
  return bytes;
}

}  // namespace kanmon::routing
