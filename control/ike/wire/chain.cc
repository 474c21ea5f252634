#include "control/ike/wire/chain.h"

#include "dataplane/wire/reader.h"

namespace kanmon::ike {
namespace {

constexpr uint8_t kCriticalBit = 0x80;

Refusal bad(PayloadType payload, Errc code, uint32_t at, const char* why) {
  return {NotifyType::kInvalidSyntax, payload, {code, at}, why};
}

bool ends_chain(PayloadType type) {
  return type == PayloadType::kSk || type == PayloadType::kSkf;
}

}  // namespace

const Payload* Chain::find(PayloadType type) const {
  for (const Payload& p : payloads())
    if (p.type == type) return &p;
  return nullptr;
}

std::size_t Chain::count(PayloadType type) const {
  std::size_t n = 0;
  for (const Payload& p : payloads()) n += p.type == type;
  return n;
}

const Payload* Chain::encrypted() const {
  return size_ != 0 && ends_chain(payloads_[size_ - 1].type) ? &payloads_[size_ - 1] : nullptr;
}

Verdict parse_chain(wire::Bytes bytes, PayloadType first, Chain& out) {
  out.size_ = 0;
  out.first_inside_ = PayloadType::kNone;
  wire::Reader r(bytes);
  PayloadType type = first;
  for (std::size_t seen = 0; type != PayloadType::kNone; ++seen) {
    const uint32_t at = r.at();
    if (seen == kMaxPayloads) return bad(type, Errc::kNoSpace, at, "one payload too many");
    const auto next = static_cast<PayloadType>(r.u8());
    const bool critical = (r.u8() & kCriticalBit) != 0;
    const uint16_t length = r.u16();
    if (!r.ok()) return bad(type, Errc::kTruncated, at, "truncated");
    if (length < kGenericHeaderBytes || length - kGenericHeaderBytes > r.left())
      return bad(type, Errc::kBadLength, at, "has a wrong length");
    const wire::Bytes body = r.take(length - kGenericHeaderBytes);
    if (is_known(type)) {
      out.payloads_[out.size_++] = {type, critical, body, at};
    } else if (critical) {
      return Refusal{NotifyType::kUnsupportedCriticalPayload,
                     type,
                     {Errc::kUnsupported, at},
                     "is critical and unknown"};
    }
    if (ends_chain(type)) {
      out.first_inside_ = next;
      break;
    }
    type = next;
  }
  if (!r.done())
    return bad(PayloadType::kNone, Errc::kBadLength, r.at(), "octets after the last payload");
  return {};
}

}  // namespace kanmon::ike
