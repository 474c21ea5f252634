// The parsers that look into inner packets, on any octets: selectors' header walk, MSS clamp, inner
// header check, ECN. No write beyond the packet, and what they say is consistent.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dataplane/decrypt/inner.h"
#include "dataplane/esp/trailer.h"
#include "dataplane/sa/mss_clamp.h"
#include "dataplane/sa/selectors.h"

namespace {
void require(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace kanmon;
  // Exact allocation: a sanitizer sees every over-read.
  std::vector<uint8_t> p(input, input + size);
  sa::UpperLayer upper;
  if (sa::find_upper_layer(p, upper)) require(upper.offset <= p.size());
  sa::FlowKey key;
  if (sa::read_flow_key(p, key)) require(key.source.family == key.destination.family);
  if (const auto payload = esp::strip_trailer(p)) require(payload->bytes + 2 <= p.size());
  sa::clamp_packet(p, 1000, 900);
  for (const uint8_t next_header : {4, 41}) {
    const decrypt::Inner inner = decrypt::read_inner(p, next_header);
    if (inner.why != Drop::kNone) continue;
    require(inner.bytes >= 20 && inner.bytes <= p.size());
    Counter unused;
    uint8_t outer[20] = {0x45, 3};
    const bool was_capable = decrypt::ecn_of(p.data()) != 0;
    require((decrypt::combine_ecn(outer, p.data(), unused) == Drop::kNone) == was_capable);
    if (was_capable) require(decrypt::ecn_of(p.data()) == 3);
  }
  return 0;
}
