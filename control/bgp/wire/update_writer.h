// UPDATEs to send: many prefixes with one set of attributes, in as few messages as they need.
// RFC 4271 section 4.3, RFC 4760, RFC 6793, RFC 7606 section 5.1, RFC 7911.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "control/bgp/attributes.h"
#include "control/bgp/wire/capability.h"
#include "control/bgp/wire/message.h"
#include "dataplane/common/result.h"

namespace kanmon::bgp {

// What of a session decides how its UPDATEs are written.
struct WriteContext {
  bool external = true;  // LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are left out
  bool as4 = true;       // four-octet AS numbers; if not, AS4_PATH and AS4_AGGREGATOR go along
  PerFamily<bool> path_ids;
  std::size_t longest = kMaxMessage;
};

class UpdateWriter {
 public:
  explicit UpdateWriter(const WriteContext& context);

  // Takes a whole message, which is good for the call only.
  using Sink = std::function<void(wire::Bytes message)>;

  // IPv4 prefixes go into the NLRI field, IPv6 ones into MP_REACH_NLRI, the first attribute. What
  // the set holds is sent as it is: next hop, MED and communities are the exporter's business.
  // Errors, with nothing sent: kUnsupported, the next hop is of another family; kNoSpace, the
  // attributes leave no room for a prefix.
  Status announce(const AttributeSet& set, wire::Family family, std::span<const Nlri> nlri,
                  const Sink& sink);
  void withdraw(wire::Family family, std::span<const Nlri> nlri, const Sink& sink);
  void end_of_rib(wire::Family family, const Sink& sink);

 private:
  std::size_t take_fitting(std::span<const Nlri> nlri, std::size_t room, bool path_ids,
                           std::size_t& bytes) const;
  void send(const wire::Writer& w, const Sink& sink) const;

  WriteContext context_;
  Octets message_;
  Octets attributes_;
};

}  // namespace kanmon::bgp
