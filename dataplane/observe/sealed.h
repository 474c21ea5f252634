// The whole sequence number of an ESP packet that just passed, for those who watch (RFC 4304).
#pragma once

#include <cstdint>

#include "dataplane/common/byteorder.h"
#include "dataplane/esp/algorithm.h"
#include "dataplane/packet/packet.h"
#include "dataplane/sa/encap.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/sa/outbound_sa.h"
#include "dataplane/worker/context.h"

namespace kanmon::observe {

// Of a packet this worker has just decrypted: its ESP header is still in front of it. 0 if its SA
// is gone. REQUIRES: meta(p).inbound_spi is set, and nothing was put in front of it since.
inline uint64_t received_sequence(const Context& c, const Packet* p) {
  const sa::InboundSa* sa = c.tables->inbound(meta(p).inbound_spi);
  if (sa == nullptr) return 0;
  const uint32_t low = load_be<uint32_t>(data(p) - esp::info(sa->algorithm).iv_bytes - 4);
  return sa->esn ? sa->window.infer(low) : low;
}

// Of a packet sealed a moment ago: the newest number with this low half.
inline uint64_t sent_sequence(const sa::Encap& e, uint32_t low) {
  if (!e.esn || e.sa == nullptr) return low;
  const uint64_t last = e.sa->next_sequence.load(std::memory_order_relaxed) - 1;
  return last - static_cast<uint32_t>(static_cast<uint32_t>(last) - low);
}

}  // namespace kanmon::observe
