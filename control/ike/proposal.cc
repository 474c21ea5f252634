#include "control/ike/proposal.h"

#include <algorithm>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/crypto/sk_cipher.h"

namespace kanmon::ike {
namespace {

using T = TransformType;

// A transform once: an operator's list may name a value twice.
void add(Proposal& p, const Transform& t) {
  if (std::count(p.transforms.begin(), p.transforms.end(), t) == 0) p.transforms.push_back(t);
}

void add_ids(Proposal& p, T type, const std::vector<uint16_t>& ids, bool (*runs)(uint16_t)) {
  for (const uint16_t id : ids)
    if (runs(id)) add(p, {type, id, 0, true});
}

bool integrity_supported(uint16_t id) {
  return integrity_sizes(id).icv != 0;
}

// The configured transforms of one kind as a proposal; without transforms if something is missing.
Proposal ike_proposal(const IkeTransforms& ours, bool aead) {
  Proposal p;
  p.protocol = ProtocolId::kIke;
  for (const auto& e : ours.encryption)
    if (is_aead(e.id) == aead && encryption_key_bytes(e.id, e.key_bits) != 0)
      add(p, {T::kEncr, e.id, e.key_bits, true});
  if (!aead) add_ids(p, T::kInteg, ours.integrity, integrity_supported);
  add_ids(p, T::kPrf, ours.prf, prf_supported);
  add_ids(p, T::kDh, ours.groups, dh_supported);
  const bool whole =
      p.has(T::kEncr) && p.has(T::kPrf) && p.has(T::kDh) && (aead || p.has(T::kInteg));
  if (!whole) p.transforms.clear();
  return p;
}

// The configured algorithms that share one integrity transform (none: AEAD). One proposal for each,
// for a proposal offers every pair of its transforms and the configuration names pairs.
Proposal esp_proposal(const EspTransforms& ours, uint16_t integrity, bool pfs) {
  Proposal p;
  p.protocol = ProtocolId::kEsp;
  for (const esp::Algorithm algorithm : ours.algorithms) {
    const esp::AlgorithmInfo& a = esp::info(algorithm);
    if (a.integ_id == integrity) add(p, {T::kEncr, a.encr_id, a.encr_key_bits, true});
  }
  if (integrity != kIntegNone) add(p, {T::kInteg, integrity, 0, true});
  if (pfs) add_ids(p, T::kDh, ours.groups, dh_supported);
  if (ours.esn) add(p, {T::kEsn, kEsnUsed, 0, true});
  add(p, {T::kEsn, kEsnNone, 0, true});
  return p;
}

void append(std::vector<Proposal>& proposals, Proposal p) {
  p.number = static_cast<uint8_t>(proposals.size() + 1);
  proposals.push_back(std::move(p));
}

}  // namespace

std::vector<Proposal> make_ike_proposals(const IkeTransforms& ours, uint64_t spi) {
  std::vector<Proposal> proposals;
  const bool aead_first = !ours.encryption.empty() && is_aead(ours.encryption.front().id);
  for (const bool aead : {aead_first, !aead_first}) {
    Proposal p = ike_proposal(ours, aead);
    if (p.transforms.empty()) continue;
    if (spi != 0) p.set_ike_spi(spi);
    append(proposals, std::move(p));
  }
  return proposals;
}

std::vector<Proposal> make_esp_proposals(const EspTransforms& ours, uint32_t spi, bool pfs) {
  std::vector<Proposal> proposals;
  std::vector<uint16_t> done;
  for (const esp::Algorithm algorithm : ours.algorithms) {
    const uint16_t integrity = esp::info(algorithm).integ_id;
    if (std::count(done.begin(), done.end(), integrity) != 0) continue;
    done.push_back(integrity);
    Proposal p = esp_proposal(ours, integrity, pfs);
    p.set_esp_spi(spi);
    append(proposals, std::move(p));
  }
  return proposals;
}

std::string to_string(const IkeSuite& s) {
  std::string text = transform_name(T::kEncr, s.encryption, s.key_bits);
  if (s.integrity != kIntegNone) text += "/" + transform_name(T::kInteg, s.integrity);
  return text + "/" + transform_name(T::kPrf, s.prf) + "/" + transform_name(T::kDh, s.group);
}

std::string to_string(const EspSuite& s) {
  std::string text = esp::info(s.algorithm).name;
  if (s.group != kDhNone) text += "/" + transform_name(T::kDh, s.group);
  return text + "/" + transform_name(T::kEsn, s.esn ? kEsnUsed : kEsnNone);
}

}  // namespace kanmon::ike
