#include "control/fpm/frames.h"

#include "dataplane/wire/reader.h"

namespace kanmon::fpm {

void Frames::feed(wire::Bytes octets) {
  held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(taken_));
  taken_ = 0;
  held_.insert(held_.end(), octets.begin(), octets.end());
}

void Frames::clear() {
  held_.clear();
  taken_ = 0;
}

Result<std::optional<wire::Bytes>> Frames::next() {
  wire::Reader r(wire::Bytes(held_).subspan(taken_));
  const uint8_t version = r.u8(), type = r.u8();
  const uint16_t length = r.u16();
  if (!r.ok()) return std::optional<wire::Bytes>{};
  if (version != kVersion || type != kTypeNetlink) return Errc::kUnsupported;
  if (length < kHeaderBytes) return Errc::kBadLength;
  const wire::Bytes payload = r.take(length - kHeaderBytes);
  if (!r.ok()) return std::optional<wire::Bytes>{};
  taken_ += length;
  return std::optional(payload);
}

}  // namespace kanmon::fpm
