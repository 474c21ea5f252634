// Keys of SAs for the export of a capture (`kanmon capture --export-keys`): kept only while the
// configuration allows it, given out only to the capture that was started for it (INV-9).
//
// Keys lie in Secrets and are wiped when their SA goes, when the permission ends, and, those kept
// for a capture, when that ends. Lives on control's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "control/common/secret.h"
#include "control/ike/engine.h"
#include "control/ike/types.h"

namespace kanmon::daemon {

// What goes out: the two tables of Wireshark. Keys that are here are given away: from here on they
// are in ordinary memory that nobody wipes.
struct ExportedKeys {
  std::string esp_sa;
  std::string ikev2_decryption_table;
  uint32_t esp_sas = 0;   // pairs of child SAs in it
  uint32_t ike_sas = 0;   // IKE SAs in it
  uint32_t left_out = 0;  // of either kind: Wireshark has no name for their algorithm
};

class KeyBook {
 public:
  // Of SAs that are gone, for a capture that runs: the oldest are forgotten beyond it.
  static constexpr std::size_t kMostGone = 4096;
  static constexpr std::size_t kMostIke = 16'384;

  // False wipes everything, also what a running capture would have had.
  void allow(bool is_allowed);
  bool is_allowed() const { return is_allowed_; }

  // A half of a child SA is installed; its keys are copied if that is allowed.
  void installed_inbound(const ike::ChildSa& child);
  void installed_outbound(const ike::ChildSa& child);
  void moved(uint32_t tunnel, const wire::Endpoint& remote);
  void removed(uint32_t inbound_spi);
  bool knows(uint32_t inbound_spi) const { return pairs_.count(inbound_spi) != 0; }

  // From now until end(): what goes is kept for `capture`, of `tunnel` alone if there is one.
  // REQUIRES: is_allowed().
  void begin(uint16_t capture, std::optional<uint32_t> tunnel);
  void end();
  // Of the capture; 0: none wants keys. Zero too after the permission has ended.
  uint16_t capture() const { return capture_; }
  std::optional<uint32_t> tunnel() const { return tunnel_; }
  // The IKE SAs there are: those not seen yet are copied while a capture wants them.
  void see(const ike::IkeKeyView& view);
  // What the capture may have.
  ExportedKeys exported() const;

 private:
  struct Pair {
    uint32_t tunnel = 0;
    uint32_t inbound_spi = 0;
    uint32_t outbound_spi = 0;
    esp::Algorithm algorithm{};
    wire::IpAddress local, remote;
    Secret inbound, outbound;  // KEYMAT; empty: that half was never installed
  };
  struct Ike {
    uint32_t tunnel = 0;
    uint16_t encryption_id = 0, key_bits = 0, integrity_id = 0;
    Secret ei, er, ai, ar;
  };

  Pair& pair_of(const ike::ChildSa& child);
  bool concerns(uint32_t tunnel) const { return !tunnel_ || *tunnel_ == tunnel; }
  void add(const Pair& pair, ExportedKeys& to) const;

  bool is_allowed_ = false;
  uint16_t capture_ = 0;
  std::optional<uint32_t> tunnel_;
  std::map<uint32_t, Pair> pairs_;  // by inbound SPI
  std::deque<Pair> gone_;
  std::map<std::pair<uint64_t, uint64_t>, Ike> ikes_;  // by both SPIs
};

}  // namespace kanmon::daemon
