#include "control/ike/wire/payloads.h"

#include "dataplane/common/byteorder.h"
#include "dataplane/wire/reader.h"

namespace kanmon::ike {

// KE: | DH group | RESERVED | data … |
Result<KeView> parse_ke(wire::Bytes body) {
  wire::Reader r(body);
  KeView ke;
  ke.group = r.u16();
  r.skip(2);
  if (!r.ok() || r.done()) return r.truncated();
  ke.data = r.rest();
  return ke;
}

void write_ke(wire::Writer& w, uint16_t group, wire::Bytes data) {
  w.u16(group);
  w.u16(0);
  w.put(data);
}

Result<wire::Bytes> parse_nonce(wire::Bytes body) {
  if (body.size() < kMinNonceBytes || body.size() > kMaxNonceBytes) return Errc::kBadLength;
  return body;
}

// ID: | type | RESERVED (3) | data … |
Result<Identity> parse_id(wire::Bytes body) {
  wire::Reader r(body);
  const uint8_t type = r.u8();
  r.skip(3);
  if (!r.ok()) return r.truncated();
  const wire::Bytes data = r.rest();
  std::size_t wanted = data.size();
  switch (static_cast<Identity::Type>(type)) {
    case Identity::Type::kIpv4:
      wanted = 4;
      break;
    case Identity::Type::kIpv6:
      wanted = 16;
      break;
    case Identity::Type::kFqdn:
    case Identity::Type::kEmail:
    case Identity::Type::kKeyId:
      break;
    default:
      return Error{Errc::kUnsupported, 0};
  }
  if (data.empty() || data.size() != wanted) return Error{Errc::kBadLength, 4};
  return Identity{static_cast<Identity::Type>(type), {data.begin(), data.end()}};
}

void write_id(wire::Writer& w, const Identity& id) {
  w.u8(static_cast<uint8_t>(id.type));
  w.fill(0, 3);
  w.put(id.data);
}

// AUTH: | method | RESERVED (3) | data … |
Result<AuthView> parse_auth(wire::Bytes body) {
  wire::Reader r(body);
  AuthView auth;
  auth.method = static_cast<AuthMethod>(r.u8());
  r.skip(3);
  if (!r.ok() || r.done()) return r.truncated();
  auth.data = r.rest();
  return auth;
}

void write_auth(wire::Writer& w, AuthMethod method, wire::Bytes data) {
  w.u8(static_cast<uint8_t>(method));
  w.fill(0, 3);
  w.put(data);
}

uint32_t NotifyView::esp_spi() const {
  return protocol == ProtocolId::kEsp && spi.size() == 4 ? load_be<uint32_t>(spi.data()) : 0;
}

// Notify: | protocol | SPI size | type (2) | SPI … | data … |
Result<NotifyView> parse_notify(wire::Bytes body) {
  wire::Reader r(body);
  NotifyView n;
  n.protocol = static_cast<ProtocolId>(r.u8());
  const uint8_t spi_size = r.u8();
  n.type = static_cast<NotifyType>(r.u16());
  if (!r.ok()) return r.truncated();
  if (spi_size != 0 && spi_size != 4 && spi_size != 8) return Error{Errc::kBadLength, 1};
  n.spi = r.take(spi_size);
  if (!r.ok()) return r.truncated();
  n.data = r.rest();
  return n;
}

void write_notify(wire::Writer& w, const NotifyView& n) {
  w.u8(static_cast<uint8_t>(n.protocol));
  w.u8(static_cast<uint8_t>(n.spi.size()));
  w.u16(static_cast<uint16_t>(n.type));
  w.put(n.spi);
  w.put(n.data);
}

namespace {

template <class Wanted>
std::optional<NotifyView> first_notify(const Chain& chain, Wanted wanted) {
  for (const Payload& p : chain.payloads()) {
    if (p.type != PayloadType::kNotify) continue;
    const auto n = parse_notify(p.body);
    if (n.ok() && wanted(n->type)) return *n;
  }
  return {};
}

}  // namespace

std::optional<NotifyView> find_notify(const Chain& chain, NotifyType type) {
  return first_notify(chain, [type](NotifyType t) { return t == type; });
}

std::optional<NotifyView> find_error(const Chain& chain) {
  return first_notify(chain, is_error);
}

Result<uint16_t> parse_invalid_ke(const NotifyView& notify) {
  if (notify.data.size() != 2) return Errc::kBadLength;
  return load_be<uint16_t>(notify.data.data());
}

uint32_t DeleteView::spi(uint16_t i) const {
  return load_be<uint32_t>(spis.subspan(std::size_t{4} * i, 4).data());
}

// Delete: | protocol | SPI size | number of SPIs (2) | SPIs … |
Result<DeleteView> parse_delete(wire::Bytes body) {
  wire::Reader r(body);
  DeleteView d;
  d.protocol = static_cast<ProtocolId>(r.u8());
  const uint8_t spi_size = r.u8();
  d.count = r.u16();
  if (!r.ok()) return r.truncated();
  switch (d.protocol) {
    case ProtocolId::kIke:
      if (spi_size != 0) return Error{Errc::kBadLength, 1};
      if (d.count != 0) return Error{Errc::kBadValue, 2};
      break;
    case ProtocolId::kAh:
    case ProtocolId::kEsp:
      if (spi_size != 4) return Error{Errc::kBadLength, 1};
      break;
    default:
      return Error{Errc::kBadValue, 0};
  }
  if (r.left() != std::size_t{d.count} * spi_size) return r.error(Errc::kBadLength);
  d.spis = r.rest();
  return d;
}

void write_delete_ike(wire::Writer& w) {
  w.u8(static_cast<uint8_t>(ProtocolId::kIke));
  w.u8(0);
  w.u16(0);
}

void write_delete_esp(wire::Writer& w, std::span<const uint32_t> spis) {
  if (spis.size() > 0xffff) return w.fail();
  w.u8(static_cast<uint8_t>(ProtocolId::kEsp));
  w.u8(4);
  w.u16(static_cast<uint16_t>(spis.size()));
  for (const uint32_t spi : spis) w.u32(spi);
}

Result<FragmentHeader> parse_fragment_header(wire::Bytes skf_body) {
  wire::Reader r(skf_body);
  FragmentHeader f;
  f.number = r.u16();
  f.total = r.u16();
  if (!r.ok()) return r.truncated();
  if (f.number == 0 || f.number > f.total) return Error{Errc::kBadValue, 0};
  return f;
}

}  // namespace kanmon::ike
