#include "control/daemon/key_book.h"

#include <algorithm>

#include "control/watch/wireshark_keys.h"

namespace kanmon::daemon {
namespace {

// Encryption key and salt in one, as Wireshark wants them.
Secret joined(wire::Bytes key, wire::Bytes salt) {
  Secret both(key.size() + salt.size());
  std::copy(key.begin(), key.end(), both.mutable_bytes().begin());
  std::copy(salt.begin(), salt.end(), both.mutable_bytes().subspan(key.size()).begin());
  return both;
}

}  // namespace

void KeyBook::allow(bool is_allowed) {
  is_allowed_ = is_allowed;
  if (is_allowed) return;
  end();
  pairs_.clear();
}

KeyBook::Pair& KeyBook::pair_of(const ike::ChildSa& child) {
  Pair& pair = pairs_[child.inbound_spi];
  pair.tunnel = child.tunnel;
  pair.inbound_spi = child.inbound_spi;
  pair.outbound_spi = child.outbound_spi;
  pair.algorithm = child.algorithm;
  pair.local = child.local.address;
  pair.remote = child.remote.address;
  return pair;
}

void KeyBook::installed_inbound(const ike::ChildSa& child) {
  if (is_allowed_) pair_of(child).inbound = child.inbound_key.clone();
}

void KeyBook::installed_outbound(const ike::ChildSa& child) {
  if (is_allowed_) pair_of(child).outbound = child.outbound_key.clone();
}

void KeyBook::moved(uint32_t tunnel, const wire::Endpoint& remote) {
  for (auto& [spi, pair] : pairs_)
    if (pair.tunnel == tunnel) pair.remote = remote.address;
}

void KeyBook::removed(uint32_t inbound_spi) {
  const auto it = pairs_.find(inbound_spi);
  if (it == pairs_.end()) return;
  if (capture_ != 0 && concerns(it->second.tunnel)) {
    gone_.push_back(std::move(it->second));
    if (gone_.size() > kMostGone) gone_.pop_front();
  }
  pairs_.erase(it);
}

void KeyBook::begin(uint16_t capture, std::optional<uint32_t> tunnel) {
  end();
  capture_ = capture;
  tunnel_ = tunnel;
}

void KeyBook::end() {
  capture_ = 0;
  tunnel_.reset();
  gone_.clear();
  ikes_.clear();
}

void KeyBook::see(const ike::IkeKeyView& view) {
  const std::pair key(view.spi_initiator, view.spi_responder);
  if (capture_ == 0 || !concerns(view.tunnel)) return;
  if (ikes_.size() >= kMostIke || ikes_.count(key) != 0) return;
  Ike& ike = ikes_[key];
  ike.tunnel = view.tunnel;
  ike.encryption_id = view.encryption_id;
  ike.key_bits = view.key_bits;
  ike.integrity_id = view.integrity_id;
  ike.ei = joined(view.initiator.encryption, view.initiator.salt);
  ike.er = joined(view.responder.encryption, view.responder.salt);
  ike.ai = Secret(view.initiator.integrity);
  ike.ar = Secret(view.responder.integrity);
}

void KeyBook::add(const Pair& pair, ExportedKeys& to) const {
  if (!concerns(pair.tunnel)) return;
  bool is_known = true;
  if (!pair.inbound.empty())
    is_known = watch::append_line(
        {pair.remote, pair.local, pair.inbound_spi, pair.algorithm, pair.inbound.bytes()},
        to.esp_sa);
  if (!pair.outbound.empty() && is_known)
    is_known = watch::append_line(
        {pair.local, pair.remote, pair.outbound_spi, pair.algorithm, pair.outbound.bytes()},
        to.esp_sa);
  ++(is_known ? to.esp_sas : to.left_out);
}

ExportedKeys KeyBook::exported() const {
  ExportedKeys out;
  for (const Pair& pair : gone_) add(pair, out);
  for (const auto& [spi, pair] : pairs_) add(pair, out);
  for (const auto& [spis, ike] : ikes_) {
    const bool is_known = watch::append_line(
        {spis.first, spis.second, ike.encryption_id, ike.key_bits, ike.integrity_id, ike.ei.bytes(),
         ike.er.bytes(), ike.ai.bytes(), ike.ar.bytes()},
        out.ikev2_decryption_table);
    ++(is_known ? out.ike_sas : out.left_out);
  }
  return out;
}

}  // namespace kanmon::daemon
