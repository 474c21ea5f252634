#include "control/bgp/wire/attribute_writer.h"

#include "control/bgp/wire/as_path.h"
#include "control/bgp/wire/attribute_rules.h"
#include "control/bgp/wire/update_writer.h"

namespace kanmon::bgp {
namespace {

using T = AttributeType;

class AttributeWriter {
 public:
  AttributeWriter(wire::Writer& w, const AttributeSet& set, const WriteContext& context)
      : w_(w), set_(set), context_(context) {
    if (set.has_unknown()) unknown_ = set.unknown();
  }

  void write(bool next_hop) {
    begin(T::kOrigin, 1);
    w_.u8(static_cast<uint8_t>(set_.origin()));
    write_path();
    if (next_hop) address(T::kNextHop, set_.next_hop());
    number(T::kMed, set_.med());
    if (!context_.external) number(T::kLocalPref, set_.local_pref());
    if (set_.atomic_aggregate()) begin(T::kAtomicAggregate, 0);
    if (set_.aggregator()) write_aggregator(*set_.aggregator());
    numbers(T::kCommunities, set_.communities());
    if (!context_.external) {
      number(T::kOriginatorId, set_.originator_id());
      numbers(T::kClusterList, set_.cluster_list());
    }
    write_extended();
    if (!context_.as4) write_as4();
    write_large();
    unknown_below(256);
  }

 private:
  void begin(AttributeType type, std::size_t size) {
    unknown_below(static_cast<unsigned>(type));
    write_attribute_header(w_, rule_of(static_cast<uint8_t>(type))->flags,
                           static_cast<uint8_t>(type), size);
  }
  // They are in order of their types, so that each finds its place among the known ones.
  void unknown_below(unsigned type) {
    for (; next_unknown_ < unknown_.size() && unknown_[next_unknown_].type < type;
         ++next_unknown_) {
      const UnknownAttribute& u = unknown_[next_unknown_];
      write_attribute_header(w_, u.flags, u.type, u.octets.size());
      w_.put(u.octets);
    }
  }

  void address(AttributeType type, const wire::IpAddress& a) {
    begin(type, 4);
    w_.put(a.bytes());
  }
  void number(AttributeType type, const std::optional<uint32_t>& n) {
    if (n) {
      begin(type, 4);
      w_.u32(*n);
    }
  }
  void numbers(AttributeType type, std::span<const uint32_t> all) {
    if (all.empty()) return;
    begin(type, 4 * all.size());
    for (const uint32_t n : all) w_.u32(n);
  }

  void write_path() {
    const AsWidth width = context_.as4 ? AsWidth::kFour : AsWidth::kTwo;
    begin(T::kAsPath, as_path_bytes(set_.as_path(), width));
    write_as_path(w_, set_.as_path(), width);
  }
  void write_aggregator(const Aggregator& a) {
    begin(T::kAggregator, context_.as4 ? 8 : 6);
    if (context_.as4)
      w_.u32(a.asn);
    else
      w_.u16(static_cast<uint16_t>(a.asn > 0xffff ? kAsTrans : a.asn));
    w_.u32(a.router_id);
  }
  void write_as4() {
    if (needs_as4_path(set_.as_path())) {
      begin(T::kAs4Path, as_path_bytes(set_.as_path(), AsWidth::kFour));
      write_as_path(w_, set_.as_path(), AsWidth::kFour);
    }
    const auto aggregator = set_.aggregator();
    if (aggregator && aggregator->asn > 0xffff) {
      begin(T::kAs4Aggregator, 8);
      w_.u32(aggregator->asn);
      w_.u32(aggregator->router_id);
    }
  }
  void write_extended() {
    if (set_.extended_count() == 0) return;
    begin(T::kExtendedCommunities, 8 * set_.extended_count());
    for (std::size_t i = 0; i < set_.extended_count(); ++i) w_.u64(set_.extended(i));
  }
  void write_large() {
    if (set_.large_count() == 0) return;
    begin(T::kLargeCommunities, 12 * set_.large_count());
    for (std::size_t i = 0; i < set_.large_count(); ++i) {
      const LargeCommunity c = set_.large(i);
      w_.u32(c.global);
      w_.u32(c.local1);
      w_.u32(c.local2);
    }
  }

  wire::Writer& w_;
  const AttributeSet& set_;
  const WriteContext& context_;
  std::vector<UnknownAttribute> unknown_;
  std::size_t next_unknown_ = 0;
};

}  // namespace

void write_attribute_header(wire::Writer& w, uint8_t flags, uint8_t type, std::size_t size) {
  if (size > 0xffff) return w.fail();
  flags &= static_cast<uint8_t>(~kFlagExtendedLength);
  w.u8(size > 255 ? flags | kFlagExtendedLength : flags);
  w.u8(type);
  if (size > 255)
    w.u16(static_cast<uint16_t>(size));
  else
    w.u8(static_cast<uint8_t>(size));
}

void write_attributes(wire::Writer& w, const AttributeSet& set, const WriteContext& context,
                      bool next_hop) {
  AttributeWriter(w, set, context).write(next_hop);
}

}  // namespace kanmon::bgp
