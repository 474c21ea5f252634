// Adj-RIB-Out: what one peer has been told, and what it still has to hear. RFC
// 4271 section 3.2, 9.2.
//
// Pulled, never pushed: whoever owns the session asks for the next part when
// its send buffer has room. What a slow peer has not heard is a place in the
// RIB's queue of changes and costs no memory; a prefix that changed twice
// meanwhile is told once (BGP-22). Prefixes with the same attributes go out
// together, withdrawals first.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "control/bgp/export/export.h"
#include "control/bgp/rib/rib.h"

namespace kanmon::bgp {

// Takes what is to be sent; spans are good for the call only.
class UpdateSink {
 public:
  virtual ~UpdateSink() = default;
  virtual void withdraw(wire::Family family, std::span<const Nlri> prefixes) = 0;
  virtual void announce(const AttributeSet& attributes, wire::Family family,
                        std::span<const Nlri> prefixes) = 0;
  // The first walk through the table is over (RFC 4724 section 2).
  virtual void end_of_rib(wire::Family family) = 0;
  // The answer to a ROUTE-REFRESH is complete: EoRR, if the peer knows it (RFC
  // 7313).
  virtual void end_of_refresh(wire::Family family) = 0;
};

class AdjRibOut {
 public:
  struct Options {
    bool ip4 = false, ip6 = false;  // families of the session
    bool default_originate4 = false, default_originate6 = false;
  };
  // For the time the session is up. `rib` outlives it.
  AdjRibOut(Rib& rib, Export rules, Options options);
  ~AdjRibOut();
  AdjRibOut(const AdjRibOut&) = delete;
  AdjRibOut& operator=(const AdjRibOut&) = delete;

  // Hands up to `limit` changed prefixes to `sink`. False if nothing waits any
  // more.
  bool pull(size_t limit, UpdateSink& sink);
  bool waits() const;
  // The peer asked for everything of a family once more (RFC 2918).
  void refresh(wire::Family family);
  // Other rules: everything is judged anew, and only what differs is sent.
  void set_rules(Export rules);
  // What the rules cannot see changed (a condition, a summary): the same.
  void judge_again();

  uint64_t advertised(wire::Family family) const { return advertised_[index(family)]; }
  // What the peer was last told of this prefix; empty: nothing.
  AttributeRef sent(NodeId node) const;
  const Export& rules() const { return rules_; }
  // Why the best path of a prefix is not told, for those who ask.
  Export::Verdict judge(NodeId node);

 private:
  static constexpr size_t kPage = 512;
  using Page = std::array<AttributeRef, kPage>;
  struct Group {
    AttributeRef attributes;
    std::array<std::vector<Nlri>, 2> prefixes;
  };
  static size_t index(wire::Family f) { return f == wire::Family::kV4 ? 0 : 1; }

  void look_at(NodeId node);
  void originate_defaults();
  void add(const AttributeRef& attributes, const wire::Prefix& prefix);
  AttributeRef& slot(NodeId node);
  void flush(UpdateSink& sink);
  void end_walk(UpdateSink& sink);

  Rib& rib_;
  Export rules_;
  Options options_;
  ConsumerId consumer_;
  std::vector<std::unique_ptr<Page>> sent_;  // by node; pages are made when something is sent
  std::array<AttributeRef, 2> defaults_;     // by family: what default-originate told
  std::array<uint64_t, 2> advertised_{};
  std::array<bool, 2> first_{true, true};  // End-of-RIB is still to come
  std::array<bool, 2> refreshing_{};       // tell again what was told before
  bool defaults_due_ = true;

  std::array<std::vector<Nlri>, 2> withdrawn_;  // of the pull that is on
  std::vector<Group> groups_;
  size_t groups_used_ = 0;
  std::unordered_map<const AttributeSet*, size_t> group_of_;
};

}  // namespace kanmon::bgp
