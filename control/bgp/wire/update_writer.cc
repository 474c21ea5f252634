#include "control/bgp/wire/update_writer.h"

#include <cassert>

#include "control/bgp/wire/attribute_rules.h"
#include "control/bgp/wire/attribute_writer.h"
#include "control/bgp/wire/nlri.h"

namespace kanmon::bgp {
namespace {

using wire::Bytes;
using wire::Family;

constexpr std::size_t kFixedBytes = kHeaderBytes + 4;  // with both lengths of an UPDATE
constexpr std::size_t kWithdrawnLengthAt = kHeaderBytes;
constexpr std::size_t kAttributesLengthAt = kHeaderBytes + 2;
constexpr std::size_t kHeadOfMp = 4 + 3;  // attribute header in the long form, family

// An MP attribute in the long form, since its length is known too late for the short one.
void begin_mp(wire::Writer& w, AttributeType type, Family family, std::size_t size) {
  w.u8(kFlagOptional | kFlagExtendedLength);
  w.u8(static_cast<uint8_t>(type));
  w.u16(static_cast<uint16_t>(size));
  w.u16(afi_of(family));
  w.u8(kSafiUnicast);
}

void write_all(wire::Writer& w, std::span<const Nlri> nlri, bool path_ids) {
  for (const Nlri& n : nlri) write_nlri(w, n, path_ids);
}

// The next hop of MP_REACH_NLRI, with its length in front and the reserved octet behind.
Octets mp_next_hop(const AttributeSet& set) {
  Octets out{static_cast<uint8_t>(set.link_local() ? 32 : 16)};
  const auto add = [&out](Bytes b) { out.insert(out.end(), b.begin(), b.end()); };
  add(set.next_hop().bytes());
  if (const auto link_local = set.link_local()) add(link_local->bytes());
  out.push_back(0);
  return out;
}

}  // namespace

UpdateWriter::UpdateWriter(const WriteContext& context)
    : context_(context), message_(context.longest), attributes_(context.longest) {}

// How many prefixes from the front fit into `room`, and their octets.
std::size_t UpdateWriter::take_fitting(std::span<const Nlri> nlri, std::size_t room, bool path_ids,
                                       std::size_t& bytes) const {
  bytes = 0;
  std::size_t count = 0;
  for (; count < nlri.size(); ++count) {
    const std::size_t more = nlri_bytes(nlri[count], path_ids);
    if (bytes + more > room) break;
    bytes += more;
  }
  return count;
}

void UpdateWriter::send(const wire::Writer& w, const Sink& sink) const {
  assert(w.ok());
  sink(w.written());
}

Status UpdateWriter::announce(const AttributeSet& set, Family family, std::span<const Nlri> nlri,
                              const Sink& sink) {
  if (set.next_hop().family != family) return Errc::kUnsupported;
  const bool is_mp = family == Family::kV6, path_ids = context_.path_ids[family];
  const Octets next_hop = is_mp ? mp_next_hop(set) : Octets{};
  wire::Writer attributes(attributes_);
  write_attributes(attributes, set, context_, !is_mp);
  const std::size_t fixed =
      kFixedBytes + attributes.size() + (is_mp ? kHeadOfMp + next_hop.size() : 0);
  // The longest prefix of the family, so that all of them can be sent or none.
  const std::size_t widest = (path_ids ? 5u : 1u) + (is_mp ? 16u : 4u);
  if (!attributes.ok() || fixed + widest > context_.longest) return Errc::kNoSpace;

  for (std::size_t bytes = 0, count = 0; !nlri.empty(); nlri = nlri.subspan(count)) {
    count = take_fitting(nlri, context_.longest - fixed, path_ids, bytes);
    wire::Writer w(message_);
    begin_message(w, MessageType::kUpdate);
    w.u32(0);
    if (is_mp) {
      begin_mp(w, AttributeType::kMpReach, family, 3 + next_hop.size() + bytes);
      w.put(next_hop);
      write_all(w, nlri.first(count), path_ids);
    }
    w.put(attributes.written());
    w.patch(kAttributesLengthAt, static_cast<uint16_t>(w.size() - kFixedBytes));
    if (!is_mp) write_all(w, nlri.first(count), path_ids);
    finish_message(w);
    send(w, sink);
  }
  return success();
}

void UpdateWriter::withdraw(Family family, std::span<const Nlri> nlri, const Sink& sink) {
  const bool is_mp = family == Family::kV6, path_ids = context_.path_ids[family];
  const std::size_t fixed = kFixedBytes + (is_mp ? kHeadOfMp : 0);
  for (std::size_t bytes = 0, count = 0; !nlri.empty(); nlri = nlri.subspan(count)) {
    count = take_fitting(nlri, context_.longest - fixed, path_ids, bytes);
    wire::Writer w(message_);
    begin_message(w, MessageType::kUpdate);
    w.u16(0);
    if (is_mp) {
      w.u16(static_cast<uint16_t>(kHeadOfMp + bytes));
      begin_mp(w, AttributeType::kMpUnreach, family, 3 + bytes);
    }
    write_all(w, nlri.first(count), path_ids);
    if (!is_mp) {
      w.patch(kWithdrawnLengthAt, static_cast<uint16_t>(bytes));
      w.u16(0);
    }
    finish_message(w);
    send(w, sink);
  }
}

void UpdateWriter::end_of_rib(Family family, const Sink& sink) {
  wire::Writer w(message_);
  begin_message(w, MessageType::kUpdate);
  w.u16(0);
  w.u16(family == Family::kV6 ? kHeadOfMp : 0);
  if (family == Family::kV6) begin_mp(w, AttributeType::kMpUnreach, family, 3);
  finish_message(w);
  send(w, sink);
}

}  // namespace kanmon::bgp
