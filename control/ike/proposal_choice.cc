// Choosing as responder and judging as initiator (RFC 7296 sections 2.7 and 3.3.6).
#include <algorithm>
#include <array>
#include <optional>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/crypto/sk_cipher.h"
#include "control/ike/proposal.h"

namespace kanmon::ike {
namespace {

using T = TransformType;

bool offers(const Proposal& p, T type, uint16_t id, uint16_t key_bits = 0) {
  return std::count(p.transforms.begin(), p.transforms.end(),
                    Transform{type, id, key_bits, true}) != 0;
}

// Whether `id` of a type can be chosen; `none` may also be chosen by leaving the type out.
bool allows(const Proposal& p, T type, uint16_t id, uint16_t none) {
  return offers(p, type, id) || (id == none && !p.has(type));
}

// A type the suite has no choice for must not be in the proposal: exactly one of each is chosen.
bool only_types(const Proposal& p, std::initializer_list<T> types) {
  return std::all_of(p.transforms.begin(), p.transforms.end(), [types](const Transform& t) {
    return std::count(types.begin(), types.end(), t.type) != 0;
  });
}

// The proposal that says what was chosen, in the order of the transforms given; what the peer left
// out (INTEG NONE, DH NONE) stays out.
Proposal answer_with(const Proposal& theirs, std::initializer_list<Transform> chosen) {
  Proposal p;
  p.number = theirs.number;
  p.protocol = theirs.protocol;
  for (const Transform& t : chosen)
    if (theirs.has(t.type)) p.transforms.push_back(t);
  return p;
}

// Position of the first of `ours` that `fits`, or nothing. Lower is better.
template <class List, class Fits>
std::optional<std::size_t> best(const List& ours, Fits fits) {
  const auto it = std::find_if(ours.begin(), ours.end(), fits);
  if (it == ours.end()) return {};
  return static_cast<std::size_t>(it - ours.begin());
}

// The configured groups, that of the KE payload first: it saves a round trip.
std::vector<uint16_t> groups_in_order(const std::vector<uint16_t>& ours, uint16_t ke_group) {
  std::vector<uint16_t> groups;
  for (const uint16_t g : ours)
    if (dh_supported(g)) groups.push_back(g);
  const auto ke = std::find(groups.begin(), groups.end(), ke_group);
  if (ke != groups.end()) std::rotate(groups.begin(), ke, ke + 1);
  return groups;
}

// --- IKE ---

// Positions in the configured lists, in the order in which they decide.
using IkeRank = std::array<std::size_t, 4>;
struct IkeCandidate {
  IkeRank rank{};
  IkeSuite suite;
};

// Integrity for an encryption: none with AEAD.
std::optional<std::size_t> best_integrity(const IkeTransforms& ours, const Proposal& p,
                                          uint16_t encryption, uint16_t& id) {
  id = kIntegNone;
  if (is_aead(encryption)) {
    if (!allows(p, T::kInteg, kIntegNone, kIntegNone)) return {};
    return 0;
  }
  const auto i = best(ours.integrity, [&](uint16_t x) {
    return integrity_sizes(x).icv != 0 && offers(p, T::kInteg, x);
  });
  if (i) id = ours.integrity[*i];
  return i;
}

std::optional<IkeCandidate> match_ike(const IkeTransforms& ours, const Proposal& p,
                                      const std::vector<uint16_t>& groups) {
  if (!only_types(p, {T::kEncr, T::kInteg, T::kPrf, T::kDh})) return {};
  const auto prf =
      best(ours.prf, [&](uint16_t x) { return prf_supported(x) && offers(p, T::kPrf, x); });
  const auto group = best(groups, [&](uint16_t x) { return offers(p, T::kDh, x); });
  if (!prf || !group) return {};
  for (std::size_t e = 0; e < ours.encryption.size(); ++e) {
    const auto& encr = ours.encryption[e];
    if (encryption_key_bytes(encr.id, encr.key_bits) == 0) continue;
    if (!offers(p, T::kEncr, encr.id, encr.key_bits)) continue;
    uint16_t integrity = 0;
    const auto i = best_integrity(ours, p, encr.id, integrity);
    if (!i) continue;
    return IkeCandidate{{e, *i, *prf, *group},
                        {encr.id, encr.key_bits, integrity, ours.prf[*prf], groups[*group]}};
  }
  return {};
}

Proposal answer_ike(const Proposal& theirs, const IkeSuite& s) {
  return answer_with(theirs, {{T::kEncr, s.encryption, s.key_bits, true},
                              {T::kPrf, s.prf, 0, true},
                              {T::kInteg, s.integrity, 0, true},
                              {T::kDh, s.group, 0, true}});
}

// --- ESP ---

using EspRank = std::array<std::size_t, 3>;
struct EspCandidate {
  EspRank rank{};
  EspSuite suite;
};

bool offers_algorithm(const Proposal& p, esp::Algorithm algorithm) {
  const esp::AlgorithmInfo& a = esp::info(algorithm);
  return offers(p, T::kEncr, a.encr_id, a.encr_key_bits) &&
         allows(p, T::kInteg, a.integ_id, kIntegNone);
}

std::optional<EspCandidate> match_esp(const EspTransforms& ours, const Proposal& p,
                                      const std::vector<uint16_t>& groups, bool pfs) {
  if (!only_types(p, {T::kEncr, T::kInteg, T::kDh, T::kEsn})) return {};
  const auto a = best(ours.algorithms, [&](esp::Algorithm x) { return offers_algorithm(p, x); });
  const auto g = best(groups, [&](uint16_t x) { return !pfs || allows(p, T::kDh, x, kDhNone); });
  const bool esn = ours.esn && offers(p, T::kEsn, kEsnUsed);
  if (!a || !g || (!esn && !offers(p, T::kEsn, kEsnNone))) return {};
  return EspCandidate{{*a, *g, esn ? 0u : 1u}, {ours.algorithms[*a], groups[*g], esn}};
}

Proposal answer_esp(const Proposal& theirs, const EspSuite& s, bool pfs) {
  const esp::AlgorithmInfo& a = esp::info(s.algorithm);
  Proposal p = answer_with(theirs, {{T::kEncr, a.encr_id, a.encr_key_bits, true},
                                    {T::kInteg, a.integ_id, 0, true},
                                    {T::kDh, s.group, 0, true},
                                    {T::kEsn, s.esn ? kEsnUsed : kEsnNone, 0, true}});
  if (!pfs) std::erase_if(p.transforms, [](const Transform& t) { return t.type == T::kDh; });
  return p;
}

// --- judging an answer ---

const Transform* find(const Proposal& p, T type) {
  for (const Transform& t : p.transforms)
    if (t.type == type) return &t;
  return nullptr;
}

uint16_t id_of(const Proposal& p, T type) {
  const Transform* t = find(p, type);
  return t == nullptr ? uint16_t{0} : t->id;
}

// One of each type that was offered, and each as it was offered.
bool is_selection_of(const Proposal& answer, const Proposal& offer) {
  for (const Transform& t : answer.transforms) {
    if (!offers(offer, t.type, t.id, t.key_bits) || !t.usable) return false;
    const auto same_type = [&t](const Transform& o) { return o.type == t.type; };
    if (std::count_if(answer.transforms.begin(), answer.transforms.end(), same_type) != 1)
      return false;
  }
  return std::all_of(offer.transforms.begin(), offer.transforms.end(),
                     [&answer](const Transform& t) { return answer.has(t.type); });
}

bool is_answer_to(std::span<const Proposal> answer, std::span<const Proposal> offered) {
  if (answer.size() != 1 || !answer[0].usable) return false;
  const Proposal& a = answer[0];
  return std::any_of(offered.begin(), offered.end(), [&a](const Proposal& o) {
    return o.number == a.number && o.protocol == a.protocol && o.spi_bytes == a.spi_bytes &&
           is_selection_of(a, o);
  });
}

}  // namespace

Result<IkeChoice> choose_ike(const IkeTransforms& ours, std::span<const Proposal> theirs,
                             uint16_t ke_group, bool rekey) {
  const std::vector<uint16_t> groups = groups_in_order(ours.groups, ke_group);
  std::optional<IkeCandidate> chosen;
  const Proposal* from = nullptr;
  for (const Proposal& p : theirs) {
    if (!p.usable || p.protocol != ProtocolId::kIke || p.spi_bytes != (rekey ? 8 : 0)) continue;
    const auto candidate = match_ike(ours, p, groups);
    if (!candidate || (chosen && candidate->rank >= chosen->rank)) continue;
    chosen = candidate;
    from = &p;
  }
  if (!chosen) return Errc::kNotFound;
  return IkeChoice{chosen->suite, answer_ike(*from, chosen->suite), rekey ? from->ike_spi() : 0};
}

Result<EspChoice> choose_esp(const EspTransforms& ours, std::span<const Proposal> theirs,
                             uint16_t ke_group, bool pfs) {
  std::vector<uint16_t> groups = groups_in_order(ours.groups, ke_group);
  if (!pfs || ours.groups.empty()) groups = {kDhNone};
  std::optional<EspCandidate> chosen;
  const Proposal* from = nullptr;
  for (const Proposal& p : theirs) {
    if (!p.usable || p.protocol != ProtocolId::kEsp) continue;
    const auto candidate = match_esp(ours, p, groups, pfs);
    if (!candidate || (chosen && candidate->rank >= chosen->rank)) continue;
    chosen = candidate;
    from = &p;
  }
  if (!chosen) return Errc::kNotFound;
  return EspChoice{chosen->suite, answer_esp(*from, chosen->suite, pfs), from->esp_spi()};
}

Result<IkeChoice> accept_ike(std::span<const Proposal> offered, std::span<const Proposal> answer) {
  if (!is_answer_to(answer, offered)) return Errc::kBadValue;
  const Proposal& a = answer[0];
  const Transform* encryption = find(a, T::kEncr);
  if (a.protocol != ProtocolId::kIke || encryption == nullptr) return Errc::kBadValue;
  return IkeChoice{{encryption->id, encryption->key_bits, id_of(a, T::kInteg), id_of(a, T::kPrf),
                    id_of(a, T::kDh)},
                   a,
                   a.spi_bytes == 8 ? a.ike_spi() : 0};
}

Result<EspChoice> accept_esp(std::span<const Proposal> offered, std::span<const Proposal> answer) {
  if (!is_answer_to(answer, offered)) return Errc::kBadValue;
  const Proposal& a = answer[0];
  const Transform* encryption = find(a, T::kEncr);
  if (a.protocol != ProtocolId::kEsp || encryption == nullptr) return Errc::kBadValue;
  for (const esp::AlgorithmInfo& row : esp::kAlgorithms)
    if (row.encr_id == encryption->id && row.encr_key_bits == encryption->key_bits &&
        row.integ_id == id_of(a, T::kInteg))
      return EspChoice{
          {row.algorithm, id_of(a, T::kDh), id_of(a, T::kEsn) == kEsnUsed}, a, a.esp_spi()};
  return Errc::kBadValue;
}

}  // namespace kanmon::ike
