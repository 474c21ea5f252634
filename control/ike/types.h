// What the IKE room shares with its neighbours: identities, proposals, tunnel parameters, child
// SAs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/common/secret.h"
#include "dataplane/esp/algorithm.h"
#include "dataplane/sa/selector.h"
#include "dataplane/wire/address.h"

namespace kanmon::ike {

// Monotonic time; the wall clock drives nothing (a clock jump must not expire anything).
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// Identification payload body (RFC 7296 section 3.5): compared by exact type and octets.
struct Identity {
  enum class Type : uint8_t { kIpv4 = 1, kFqdn = 2, kEmail = 3, kIpv6 = 5, kKeyId = 11 };
  Type type = Type::kFqdn;
  std::vector<uint8_t> data;

  // "192.0.2.1" and "2001:db8::1" become address identities, "a@b" an e-mail address,
  // "keyid:0102ff" a key id, all else an FQDN.
  static Identity parse(const std::string& text);
  // Printable and safe for logs: unprintable octets are escaped.
  std::string to_string() const;
  friend bool operator==(const Identity&, const Identity&) = default;
};

// One set of transforms for the IKE SA. Ids are IANA's. A proposal list of a tunnel is the cross
// product the operator's lists span; AEAD and non-AEAD never share a proposal (RFC 7296 3.3).
struct IkeTransforms {
  struct Encryption {
    uint16_t id;        // 12 = AES-CBC, 20 = AES-GCM-16
    uint16_t key_bits;  // 128 or 256
    friend bool operator==(const Encryption&, const Encryption&) = default;
  };
  std::vector<Encryption> encryption;  // in order of preference
  std::vector<uint16_t> integrity;     // 12 = SHA2-256-128, 13 = 384-192, 14 = 512-256; CBC only
  std::vector<uint16_t> prf;           // 5 = SHA2-256, 6 = SHA2-384, 7 = SHA2-512
  std::vector<uint16_t> groups;        // 14, 19, 20, 31
  friend bool operator==(const IkeTransforms&, const IkeTransforms&) = default;
};

struct EspTransforms {
  std::vector<esp::Algorithm> algorithms;  // in order of preference
  std::vector<uint16_t> groups;            // PFS groups for CREATE_CHILD_SA; empty: no PFS
  bool esn = true;                         // offer extended sequence numbers first
  friend bool operator==(const EspTransforms&, const EspTransforms&) = default;
};

enum class DpdAction : uint8_t { kClear, kRestart, kNone };
enum class StartupAction : uint8_t { kAdd, kStart };

// A tunnel as IKE sees it, but for its secret. Converted from the configuration at the door.
struct TunnelPolicy {
  std::string name;
  uint32_t tunnel = 0;  // index of the tunnel in the data plane
  wire::IpAddress local_address;
  std::optional<wire::IpAddress> remote_address;  // absent: any peer that proves its identity
  Identity local_id;
  Identity remote_id;
  IkeTransforms ike;
  EspTransforms esp;
  std::vector<sa::Selector> local_ts;
  std::vector<sa::Selector> remote_ts;
  StartupAction startup = StartupAction::kStart;
  DpdAction dpd_action = DpdAction::kRestart;
  bool force_udp_encapsulation = false;
  bool accepts_tfc = true;      // else the peer is told ESP_TFC_PADDING_NOT_SUPPORTED
  bool fragments_also = false;  // NON_FIRST_FRAGMENTS_ALSO is said and taken (RFC 4301 section 7.3)
  std::chrono::seconds ike_lifetime{28800};
  std::chrono::seconds child_lifetime{3600};
  std::chrono::seconds rekey_margin{270};  // rekey starts this long before the lifetime ends, …
  uint8_t rekey_fuzz_percent = 100;        // … lengthened at random by up to this share of it
  std::chrono::seconds dpd_timeout{40};    // silence after which the peer is dead
  std::chrono::milliseconds retransmit_first{500};  // doubles after every try
  uint8_t retransmit_tries = 12;
  std::chrono::seconds keepalive{20};  // NAT keepalive interval (RFC 3948 section 4)
  friend bool operator==(const TunnelPolicy&, const TunnelPolicy&) = default;
};

struct TunnelParameters : TunnelPolicy {
  Secret psk;

  TunnelParameters clone() const {
    TunnelParameters copy;
    static_cast<TunnelPolicy&>(copy) = *this;
    copy.psk = psk.clone();
    return copy;
  }
  friend bool operator==(const TunnelParameters&, const TunnelParameters&) = default;
};

// A negotiated child SA pair, everything the data plane needs. Keys are KEYMAT octets in the
// order of esp::AlgorithmInfo::keymat_bytes().
struct ChildSa {
  uint32_t tunnel = 0;
  uint32_t inbound_spi = 0;   // ours: the peer puts it in what it sends
  uint32_t outbound_spi = 0;  // the peer's
  esp::Algorithm algorithm = esp::Algorithm::kAes256Gcm16;
  bool esn = false;
  bool udp_encapsulation = false;
  bool peer_behind_nat = false;   // only then may the endpoint follow authenticated packets (2.23)
  bool peer_refuses_tfc = false;  // ESP_TFC_PADDING_NOT_SUPPORTED (RFC 7296 section 1.3.1)
  bool fragments_also = false;    // both ends said NON_FIRST_FRAGMENTS_ALSO
  wire::Endpoint local;           // outside addresses; ports matter for UDP encapsulation only
  wire::Endpoint remote;
  std::vector<sa::Selector> local_ts;
  std::vector<sa::Selector> remote_ts;
  Secret inbound_key;
  Secret outbound_key;
};

}  // namespace kanmon::ike
