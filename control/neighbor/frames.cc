#include "control/neighbor/frames.h"

#include <algorithm>

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "dataplane/wire/reader.h"
#include "dataplane/wire/writer.h"

namespace kanmon::neighbor {
namespace {

using wire::IpAddress;
using wire::MacAddress;

constexpr uint16_t kArpRequest = 1;
constexpr uint16_t kArpReply = 2;
constexpr uint8_t kNeighborSolicitation = 135;
constexpr uint8_t kNeighborAdvertisement = 136;
constexpr uint8_t kSourceLinkLayer = 1;
constexpr uint8_t kTargetLinkLayer = 2;
constexpr uint32_t kSolicited = 0x40000000;
constexpr uint32_t kOverride = 0x20000000;
constexpr MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
// An ND message here: 24 octets of ICMPv6 and one link-layer option.
constexpr uint16_t kNdLength = 32;

MacAddress mac_of(wire::Bytes octets) {
  MacAddress mac{};
  if (octets.size() == mac.size()) std::copy(octets.begin(), octets.end(), mac.begin());
  return mac;
}

Result<Message> parse_arp(wire::Reader r, const MacAddress& source) {
  const uint16_t hardware = r.u16(), protocol = r.u16();
  const uint8_t hardware_size = r.u8(), protocol_size = r.u8();
  const uint16_t operation = r.u16();
  const auto sender_mac = r.take(6), sender = r.take(4);
  r.skip(6);
  const auto target = r.take(4);
  if (!r.ok()) return r.truncated();
  if (hardware != 1 || protocol != wire::kEtherTypeIp4 || hardware_size != 6 || protocol_size != 4)
    return r.error(Errc::kBadValue);
  if (operation != kArpRequest && operation != kArpReply) return r.error(Errc::kUnsupported);

  Message m;
  m.sender = IpAddress::v4(sender.data());
  m.sender_mac = mac_of(sender_mac);
  m.frame_source = source;
  const bool reply = operation == kArpReply;
  m.kind = reply ? Message::Kind::kAdvertise : Message::Kind::kSolicit;
  // A reply says where its sender is; so does a gratuitous request.
  m.target = reply ? m.sender : IpAddress::v4(target.data());
  m.solicited = reply;
  return m;
}

// The link-layer address option of the given type, if there is one.
Result<std::optional<MacAddress>> link_layer_option(wire::Reader& r, uint8_t type) {
  std::optional<MacAddress> found;
  while (!r.done()) {
    const uint8_t option = r.u8(), eights = r.u8();
    if (eights == 0) return r.error(Errc::kBadLength);  // RFC 4861 section 4.6
    const auto body = r.take(eights * 8u - 2);
    if (!r.ok()) return r.truncated();
    if (option == type && eights == 1) found = mac_of(body);
  }
  return found;
}

Result<Message> parse_nd(wire::Reader r, const MacAddress& source) {
  const uint32_t version = r.u32() >> 28;
  const uint16_t payload = r.u16();
  const uint8_t next = r.u8(), hop_limit = r.u8();
  const auto from = r.take(16), to = r.take(16);
  const auto icmp = r.take(payload);
  if (!r.ok()) return r.truncated();
  if (version != 6 || hop_limit != 255) return Error{Errc::kBadValue};
  if (next != wire::kProtocolIcmp6) return Errc::kUnsupported;
  const IpAddress sender = IpAddress::v6(from.data());
  const uint64_t pseudo =
      wire::pseudo_header(sender, IpAddress::v6(to.data()), wire::kProtocolIcmp6, payload);
  if (wire::checksum_finish(wire::checksum_add(pseudo, icmp)) != 0) return Errc::kBadValue;

  wire::Reader body(icmp);
  const uint8_t type = body.u8(), code = body.u8();
  body.skip(2);
  const uint32_t flags = body.u32();
  const auto target = body.take(16);
  if (!body.ok()) return body.truncated();
  if (type != kNeighborSolicitation && type != kNeighborAdvertisement) return Errc::kUnsupported;
  const bool advert = type == kNeighborAdvertisement;
  auto option = link_layer_option(body, advert ? kTargetLinkLayer : kSourceLinkLayer);
  if (!option.ok()) return option.error();

  Message m;
  m.kind = advert ? Message::Kind::kAdvertise : Message::Kind::kSolicit;
  m.sender = sender;
  m.target = IpAddress::v6(target.data());
  if (code != 0 || m.target.is_multicast()) return Errc::kBadValue;
  m.sender_mac = *option;
  m.frame_source = source;
  m.solicited = advert && (flags & kSolicited) != 0;
  m.override_entry = !advert || (flags & kOverride) != 0;
  return m;
}

void put_ethernet(wire::Writer& w, const MacAddress& to, const MacAddress& from, uint16_t type) {
  w.put(to);
  w.put(from);
  w.u16(type);
}

Frame arp(uint16_t operation, const MacAddress& frame_to, const MacAddress& our_mac,
          const IpAddress& our_address, const MacAddress& target_mac, const IpAddress& target) {
  Frame frame(60);  // the least Ethernet carries, padded with zeros
  wire::Writer w(frame);
  put_ethernet(w, frame_to, our_mac, wire::kEtherTypeArp);
  w.u16(1);
  w.u16(wire::kEtherTypeIp4);
  w.u8(6);
  w.u8(4);
  w.u16(operation);
  w.put(our_mac);
  w.put(our_address.bytes());
  w.put(target_mac);
  w.put(target.bytes());
  return frame;
}

Frame nd(uint8_t type, uint32_t flags, uint8_t option, const MacAddress& frame_to,
         const MacAddress& our_mac, const IpAddress& from, const IpAddress& to,
         const IpAddress& target) {
  Frame frame(wire::kEthernetHeader + wire::kIp6Header + kNdLength);
  wire::Writer w(frame);
  put_ethernet(w, frame_to, our_mac, wire::kEtherTypeIp6);
  w.u32(6u << 28);
  w.u16(kNdLength);
  w.u8(wire::kProtocolIcmp6);
  w.u8(255);
  w.put(from.bytes());
  w.put(to.bytes());
  w.u8(type);
  w.u8(0);
  w.u16(0);
  w.u32(flags);
  w.put(target.bytes());
  w.u8(option);
  w.u8(1);
  w.put(our_mac);
  const auto icmp = wire::Bytes(frame).last(kNdLength);
  const uint16_t sum = wire::checksum_finish(
      wire::checksum_add(wire::pseudo_header(from, to, wire::kProtocolIcmp6, kNdLength), icmp));
  std::memcpy(frame.data() + wire::kEthernetHeader + wire::kIp6Header + 2, &sum, 2);
  return frame;
}

MacAddress multicast_mac(const IpAddress& group) {  // RFC 2464 section 7
  const auto& o = group.octets;
  return {0x33, 0x33, o[12], o[13], o[14], o[15]};
}

IpAddress solicited_node(const IpAddress& target) {  // RFC 4291 section 2.7.1
  IpAddress group = IpAddress::parse("ff02::1:ff00:0").value();
  std::copy_n(target.octets.begin() + 13, 3, group.octets.begin() + 13);
  return group;
}

IpAddress all_nodes() {
  return IpAddress::parse("ff02::1").value();
}

}  // namespace

Result<Message> parse(wire::Bytes frame) {
  wire::Reader r(frame);
  r.skip(6);
  const MacAddress source = mac_of(r.take(6));
  const uint16_t type = r.u16();
  if (!r.ok()) return r.truncated();
  if (type == wire::kEtherTypeArp) return parse_arp(r, source);
  if (type == wire::kEtherTypeIp6) return parse_nd(r, source);
  return r.error(Errc::kUnsupported);
}

Frame solicit(const MacAddress& our_mac, const IpAddress& our_address, const IpAddress& target,
              const std::optional<MacAddress>& unicast_to) {
  if (target.is_v4())
    return arp(kArpRequest, unicast_to.value_or(kBroadcast), our_mac, our_address, MacAddress{},
               target);
  const IpAddress to = unicast_to ? target : solicited_node(target);
  return nd(kNeighborSolicitation, 0, kSourceLinkLayer, unicast_to.value_or(multicast_mac(to)),
            our_mac, our_address, to, target);
}

Frame advertise(const MacAddress& our_mac, const Message& question) {
  const MacAddress to = question.sender_mac.value_or(question.frame_source);
  if (question.target.is_v4())
    return arp(kArpReply, to, our_mac, question.target, to, question.sender);
  // A duplicate address detection probe has no address to answer to (RFC 4861 section 7.2.4).
  const bool probe = question.sender.is_unspecified();
  const IpAddress destination = probe ? all_nodes() : question.sender;
  return nd(kNeighborAdvertisement, kOverride | (probe ? 0 : kSolicited), kTargetLinkLayer,
            probe ? multicast_mac(destination) : to, our_mac, question.target, destination,
            question.target);
}

Frame announce(const MacAddress& our_mac, const IpAddress& our_address) {
  if (our_address.is_v4())
    return arp(kArpRequest, kBroadcast, our_mac, our_address, MacAddress{}, our_address);
  return nd(kNeighborAdvertisement, kOverride, kTargetLinkLayer, multicast_mac(all_nodes()),
            our_mac, our_address, all_nodes(), our_address);
}

IpAddress link_local(const MacAddress& mac) {
  IpAddress a = IpAddress::parse("fe80::").value();
  const uint8_t tail[8] = {
      static_cast<uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
  std::copy_n(tail, 8, a.octets.begin() + 8);
  return a;
}

}  // namespace kanmon::neighbor
