#include "control/ike/sa/counters.h"

namespace kanmon::ike {
namespace {

constexpr std::array<const char*, kCounts> kNames = {
    "received",
    "sent_request",
    "sent_response",
    "retransmitted",
    "repeat_answered",
    "keepalive_sent",
    "malformed_header",
    "ikev1",
    "other_major_version",
    "unknown_ike_spi",
    "malformed_outside",
    "wrong_state",
    "unknown_exchange",
    "out_of_window",
    "unexpected_response",
    "integrity_failed",
    "malformed_inside",
    "critical_refused",
    "fragment_stored",
    "fragment_dropped",
    "fragment_not_negotiated",
    "init_no_tunnel",
    "init_no_proposal",
    "init_invalid_ke",
    "init_bad_ke",
    "init_malformed",
    "init_version_answered",
    "init_spi_reused",
    "cookie_sent",
    "cookie_wrong",
    "reply_withheld",
    "half_open_limit",
    "half_open_per_source",
    "half_open_expired",
    "init_refusal_seen",
    "init_response_ignored",
    "authentication_failed",
    "no_proposal_chosen",
    "ts_unacceptable",
    "invalid_ke",
    "temporary_failure",
    "child_sa_not_found",
    "no_additional_sas",
    "invalid_syntax",
    "dead_peer",
    "endpoint_moved",
    "crypto_failed",
};

}  // namespace

const char* to_string(Count count) {
  return kNames[static_cast<std::size_t>(count)];
}

std::vector<std::pair<std::string, uint64_t>> Counters::all() const {
  std::vector<std::pair<std::string, uint64_t>> out;
  out.reserve(kCounts);
  for (std::size_t i = 0; i < kCounts; ++i) out.emplace_back(kNames[i], values_[i]);
  return out;
}

}  // namespace kanmon::ike
