// The SA payload: proposals, transforms and attributes nested in each other (RFC 7296 section 3.3).
#include <algorithm>

#include "control/ike/wire/payloads.h"
#include "dataplane/common/byteorder.h"
#include "dataplane/wire/reader.h"

namespace kanmon::ike {
namespace {

constexpr uint8_t kMoreProposals = 2;
constexpr uint8_t kMoreTransforms = 3;
constexpr std::size_t kProposalHeaderBytes = 8;
constexpr std::size_t kTransformHeaderBytes = 8;
constexpr uint16_t kAttributeShortForm = 0x8000;
constexpr uint16_t kAttributeKeyLength = 14;

// A substructure's first four octets: whether another follows, and how long this one is.
struct Substructure {
  bool more = false;
  wire::Bytes body;  // after those four octets
};

Result<Substructure> take_substructure(wire::Reader& r, uint8_t more_mark, std::size_t least) {
  const uint32_t at = r.at();
  Substructure s;
  const uint8_t mark = r.u8();
  r.skip(1);
  const uint16_t length = r.u16();
  if (!r.ok()) return r.truncated();
  if (mark != 0 && mark != more_mark) return Error{Errc::kBadValue, at};
  if (length < least || length - std::size_t{4} > r.left()) return Error{Errc::kBadLength, at + 2};
  s.more = mark != 0;
  s.body = r.take(length - std::size_t{4});
  return s;
}

// Attributes: short form | type, top bit set | value |, or long form | type | length | octets |.
// Key Length is the only one there is; all else makes the transform unusable, not the message.
Result<Nothing> parse_attributes(wire::Bytes bytes, Transform& t) {
  wire::Reader r(bytes);
  while (!r.done()) {
    const uint16_t type = r.u16();
    const uint16_t value_or_length = r.u16();
    if (!r.ok()) return r.truncated();
    if ((type & kAttributeShortForm) == 0) {
      r.skip(value_or_length);
      if (!r.ok()) return r.error(Errc::kBadLength);
      t.usable = false;
    } else if ((type & ~kAttributeShortForm) != kAttributeKeyLength || t.key_bits != 0 ||
               value_or_length == 0) {
      t.usable = false;
    } else {
      t.key_bits = value_or_length;
    }
  }
  return success();
}

// Transform: | 0 or 3 | RESERVED | length (2) | type | RESERVED | id (2) | attributes … |
Result<Transform> parse_transform(wire::Bytes body) {
  wire::Reader r(body);
  Transform t;
  t.type = static_cast<TransformType>(r.u8());
  r.skip(1);
  t.id = r.u16();
  if (!r.ok()) return r.truncated();
  const auto attributes = parse_attributes(r.rest(), t);
  if (!attributes.ok()) return attributes.error();
  return t;
}

Result<Nothing> parse_transforms(wire::Bytes bytes, uint8_t count, Proposal& p) {
  wire::Reader r(bytes);
  for (bool more = true; more;) {
    auto s = take_substructure(r, kMoreTransforms, kTransformHeaderBytes);
    if (!s.ok()) return s.error();
    auto t = parse_transform(s->body);
    if (!t.ok()) return t.error();
    p.transforms.push_back(*t);
    more = s->more;
  }
  if (!r.done() || p.transforms.size() != count) return r.error(Errc::kBadLength);
  return success();
}

// SPIs 0 to 255 of ESP and AH are reserved (RFC 4303 section 2.1) and 0 of IKE means "none": used
// as a key into our tables they would be taken for an empty entry.
constexpr uint32_t kLowestEspSpi = 256;

bool spi_fits(ProtocolId protocol, wire::Bytes spi) {
  switch (protocol) {
    case ProtocolId::kIke:
      return spi.empty() || (spi.size() == 8 && load_be<uint64_t>(spi.data()) != 0);
    case ProtocolId::kAh:
    case ProtocolId::kEsp:
      return spi.size() == 4 && load_be<uint32_t>(spi.data()) >= kLowestEspSpi;
    default:
      return spi.size() <= 8;
  }
}

// Proposal: | 0 or 2 | RESERVED | length (2) | number | protocol | SPI size | transforms | SPI … |
Result<Proposal> parse_proposal(wire::Bytes body) {
  wire::Reader r(body);
  Proposal p;
  p.number = r.u8();
  p.protocol = static_cast<ProtocolId>(r.u8());
  const uint8_t spi_bytes = r.u8();
  const uint8_t count = r.u8();
  const wire::Bytes spi = r.take(spi_bytes);
  if (!r.ok()) return r.truncated();
  p.usable = spi_fits(p.protocol, spi);
  if (p.usable) {
    p.spi_bytes = spi_bytes;
    std::copy(spi.begin(), spi.end(), p.spi.begin());
  }
  const auto transforms = parse_transforms(r.rest(), count, p);
  if (!transforms.ok()) return transforms.error();
  return p;
}

void write_transform(wire::Writer& w, const Transform& t, bool more) {
  w.u8(more ? kMoreTransforms : 0);
  w.u8(0);
  w.u16(static_cast<uint16_t>(kTransformHeaderBytes + (t.key_bits != 0 ? 4 : 0)));
  w.u8(static_cast<uint8_t>(t.type));
  w.u8(0);
  w.u16(t.id);
  if (t.key_bits == 0) return;
  w.u16(kAttributeShortForm | kAttributeKeyLength);
  w.u16(t.key_bits);
}

void write_proposal(wire::Writer& w, const Proposal& p, bool more) {
  const std::size_t at = w.size();
  if (p.transforms.size() > 255 || p.spi_bytes > p.spi.size()) return w.fail();
  w.u8(more ? kMoreProposals : 0);
  w.u8(0);
  w.u16(0);
  w.u8(p.number);
  w.u8(static_cast<uint8_t>(p.protocol));
  w.u8(p.spi_bytes);
  w.u8(static_cast<uint8_t>(p.transforms.size()));
  w.put(wire::Bytes(p.spi).first(p.spi_bytes));
  for (std::size_t i = 0; i < p.transforms.size(); ++i)
    write_transform(w, p.transforms[i], i + 1 < p.transforms.size());
  w.patch(at + 2, static_cast<uint16_t>(w.size() - at));
}

}  // namespace

uint32_t Proposal::esp_spi() const {
  return load_be<uint32_t>(spi.data());
}
uint64_t Proposal::ike_spi() const {
  return load_be<uint64_t>(spi.data());
}
void Proposal::set_esp_spi(uint32_t value) {
  spi = {};
  store_be(spi.data(), value);
  spi_bytes = 4;
}
void Proposal::set_ike_spi(uint64_t value) {
  store_be(spi.data(), value);
  spi_bytes = 8;
}
bool Proposal::has(TransformType type) const {
  return std::any_of(transforms.begin(), transforms.end(),
                     [type](const Transform& t) { return t.type == type; });
}

Result<std::vector<Proposal>> parse_sa(wire::Bytes body) {
  wire::Reader r(body);
  std::vector<Proposal> proposals;
  for (bool more = true; more;) {
    const uint32_t at = r.at();
    auto s = take_substructure(r, kMoreProposals, kProposalHeaderBytes);
    if (!s.ok()) return s.error();
    auto p = parse_proposal(s->body);
    if (!p.ok()) return p.error();
    more = s->more;
    const bool several = more || !proposals.empty();
    if (several && p->number != proposals.size() + 1) return Error{Errc::kBadValue, at + 4};
    proposals.push_back(std::move(*p));
  }
  if (!r.done()) return r.error(Errc::kBadLength);
  return proposals;
}

void write_sa(wire::Writer& w, std::span<const Proposal> proposals) {
  for (std::size_t i = 0; i < proposals.size(); ++i)
    write_proposal(w, proposals[i], i + 1 < proposals.size());
}

}  // namespace kanmon::ike
