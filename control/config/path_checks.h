// The keys by which a path is checked: BFD, health probes, and what keeps either from flapping.
#pragma once

#include <array>
#include <cstddef>

#include "control/config/codec.h"

namespace kanmon::config {

// An address that may be absent.
struct MaybeAddress {
  static void read(Context& context, const Node& node, std::optional<wire::IpAddress>& out) {
    wire::IpAddress address;
    Address::read(context, node, address);
    if (!address.is_unspecified()) out = address;
  }
  static std::string show(const std::optional<wire::IpAddress>& value) {
    return value ? value->to_string() : "";
  }
  static Json schema() { return Address::schema(); }
};

template <>
void finish(Context& context, Bfd& bfd);
template <>
void finish(Context& context, HealthCheck& check);

constexpr Word<bfd::AuthType> kBfdAuthTypes[] = {
    {"keyed-sha1", bfd::AuthType::kKeyedSha1},
    {"meticulous-keyed-sha1", bfd::AuthType::kMeticulousSha1}};

// When a path that failed is used again: the same keys for both kinds of check.
template <class S>
constexpr std::array<Key<S>, 5> steadiness_keys() {
  return {
      key<S, Integer<0, 3'600>>(
          "hold-down-seconds", [](auto& c) -> auto& { return c.steadiness.hold_down; },
          "A path that failed stays unused for so long, whatever is heard."),
      key<S, Integer<0, 3'600>>(
          "switch-back-seconds", [](auto& c) -> auto& { return c.steadiness.switch_back; },
          "A path that works again is used after so long without a loss."),
      key<S, Integer<0, 3'600>>(
          "damping-half-life-seconds", [](auto& c) -> auto& { return c.steadiness.half_life; },
          "Each failure costs a penalty of 1000, which halves in this time; 0: no damping."),
      key<S, Integer<1'000, 20'000>>(
          "damping-suppress", [](auto& c) -> auto& { return c.steadiness.suppress; },
          "From this penalty on the path is not used …"),
      key<S, Integer<100, 20'000>>(
          "damping-reuse", [](auto& c) -> auto& { return c.steadiness.reuse; },
          "… until it is down to this, at most four half-lives later."),
  };
}

template <class S, std::size_t A, std::size_t B>
constexpr std::array<Key<S>, A + B> joined(const std::array<Key<S>, A>& a,
                                           const std::array<Key<S>, B>& b) {
  std::array<Key<S>, A + B> all{};
  for (std::size_t i = 0; i < A; ++i) all[i] = a[i];
  for (std::size_t i = 0; i < B; ++i) all[A + i] = b[i];
  return all;
}

constexpr auto kBfdKeys = joined<Bfd>(
    std::array{
        key<Bfd, MaybeAddress>(
            "local-address", [](auto& b) -> auto& { return b.local; },
            "Own address of the session, of the tunnel's route table.", "the first inside address"),
        key<Bfd, MaybeAddress>(
            "remote-address", [](auto& b) -> auto& { return b.remote; },
            "The far end's address inside the tunnel.",
            "the other host of the inside /30, /31, /126 or /127"),
        key<Bfd, Integer<10, 60'000>>(
            "interval-milliseconds", [](auto& b) -> auto& { return b.interval; },
            "Wished between packets, both ways; the slower end decides."),
        key<Bfd, Integer<1, 50>>(
            "multiplier", [](auto& b) -> auto& { return b.multiplier; },
            "So many packets lost in a row are a failure."),
        key<Bfd, Boolean>(
            "multihop", [](auto& b) -> auto& { return b.multihop; },
            "The far end is routers away (RFC 5883): another port, and its TTL says nothing."),
        key<Bfd, Boolean>(
            "passive", [](auto& b) -> auto& { return b.passive; },
            "Waits for the far end to speak first."),
        key<Bfd, Choice<kBfdAuthTypes>>(
            "authentication", [](auto& b) -> auto& { return b.auth; },
            "keyed-sha1 or meticulous-keyed-sha1 (RFC 5880 section 6.7.4); needs a key.", "none"),
        key<Bfd, Integer<0, 255>>(
            "key-id", [](auto& b) -> auto& { return b.key_id; }, "Number of the key."),
        key<Bfd, PresharedKey>(
            "pre-shared-key", [](auto& b) -> auto& { return b.key; },
            "Key of the authentication, 8 to 20 octets."),
        key<Bfd, PresharedKeyFile>(
            "pre-shared-key-file", [](auto& b) -> auto& { return b.key; },
            "File that holds the key instead."),
    },
    steadiness_keys<Bfd>());

constexpr auto kHealthCheckKeys = joined<HealthCheck>(
    std::array{
        required_key<HealthCheck, Address>(
            "target", [](auto& h) -> auto& { return h.target; },
            "Address behind this tunnel's own router that answers pings. The answer must come back "
            "through this tunnel."),
        key<HealthCheck, MaybeAddress>(
            "source", [](auto& h) -> auto& { return h.source; },
            "Own address to ask from, of the tunnel's route table.",
            "the first inside address of the target's family, else the first of a port"),
        key<HealthCheck, Integer<50, 60'000>>(
            "interval-milliseconds", [](auto& h) -> auto& { return h.interval; },
            "Between probes."),
        key<HealthCheck, Integer<10, 60'000>>(
            "timeout-milliseconds", [](auto& h) -> auto& { return h.timeout; },
            "A probe without an answer after this is lost; at most the interval."),
        key<HealthCheck, Integer<1, 50>>(
            "fall", [](auto& h) -> auto& { return h.fall; },
            "Losses in a row that bring the path down."),
        key<HealthCheck, Integer<1, 50>>(
            "rise", [](auto& h) -> auto& { return h.rise; }, "Answers in a row that bring it up."),
    },
    steadiness_keys<HealthCheck>());

constexpr Key<NeighborBfd> kNeighborBfdKeys[] = {
    required_key<NeighborBfd, Address>(
        "remote-address", [](auto& b) -> auto& { return b.remote; },
        "The neighbour: a station of one of the port's subnets."),
    key<NeighborBfd, Integer<10, 60'000>>(
        "interval-milliseconds", [](auto& b) -> auto& { return b.interval; },
        "Wished between packets, both ways; the slower end decides."),
    key<NeighborBfd, Integer<1, 50>>(
        "multiplier", [](auto& b) -> auto& { return b.multiplier; },
        "So many packets lost in a row are a failure."),
};

// One of them, as an item of a list.
struct NeighborBfdItem {
  static void read(Context& context, const Node& node, NeighborBfd& out) {
    read_section<NeighborBfd>(context, node, kNeighborBfdKeys, out);
  }
  static Json schema() { return section_schema<NeighborBfd>(kNeighborBfdKeys); }
  static std::string show(const NeighborBfd& b) {
    return b.remote.to_string() + " " + std::to_string(b.multiplier) + " x " +
           std::to_string(b.interval.count()) + " ms";
  }
};

// A section whose mere presence means something.
template <auto& Keys, class S>
struct OptionalSection : Section<Keys, S> {
  static void diff(const std::string& path, const S& before, const S& after, Changes& changes) {
    if (before.configured && after.configured)
      return Section<Keys, S>::diff(path, before, after, changes);
    if (before.configured != after.configured)
      changes.push_back(
          {path, before.configured ? "present" : "", after.configured ? "present" : ""});
  }
};

}  // namespace kanmon::config
