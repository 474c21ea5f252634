// Keys of SAs in the words of Wireshark's tables, so that it decrypts a capture: the files esp_sa
// and ikev2_decryption_table of its configuration folder.
//
// Pure text. Who may have it is decided elsewhere (control/daemon/key_book.h).
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/esp/algorithm.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/bytes.h"

namespace kanmon::watch {

// One direction of a child SA.
struct EspKey {
  wire::IpAddress source;  // outside addresses
  wire::IpAddress destination;
  uint32_t spi = 0;
  esp::Algorithm algorithm = esp::Algorithm::kAes256Gcm16;
  wire::Bytes keymat;  // esp::AlgorithmInfo::keymat_bytes() octets, in its order
};

// An IKE SA, both directions. Ids are IANA's; encryption keys are with their salt.
struct IkeKey {
  uint64_t spi_initiator = 0;
  uint64_t spi_responder = 0;
  uint16_t encryption_id = 0;
  uint16_t key_bits = 0;
  uint16_t integrity_id = 0;
  wire::Bytes encryption_initiator;  // SK_ei
  wire::Bytes encryption_responder;  // SK_er
  wire::Bytes integrity_initiator;   // SK_ai, empty with an AEAD
  wire::Bytes integrity_responder;   // SK_ar
};

// Append a line. False, and nothing appended, for what Wireshark has no name for.
bool append_line(const EspKey& key, std::string& to);
bool append_line(const IkeKey& key, std::string& to);

}  // namespace kanmon::watch
