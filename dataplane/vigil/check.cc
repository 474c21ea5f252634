#include "dataplane/vigil/check.h"

#include <cstring>

namespace kanmon::vigil {
namespace {

constexpr uint32_t discriminator_of(uint32_t slot, uint64_t random) {
  // Never zero, whatever the slot.
  return static_cast<uint32_t>(random >> 32) << kSlotBits | 1u << 31 | slot;
}

constexpr uint16_t identifier_of(uint32_t slot, uint64_t random) {
  return static_cast<uint16_t>(random << kSlotBits | slot);
}

liveness::EchoSettings echo_of(const Settings& s, uint16_t identifier) {
  liveness::EchoSettings e;
  e.source = s.path.local;
  e.destination = s.path.remote;
  e.tunnel = s.path.tunnel;
  e.interval_us = s.echo_interval_us;
  e.timeout_us = s.echo_timeout_us;
  e.identifier = identifier;
  return e;
}

Settings without_key(Settings s) {
  std::memset(s.bfd.auth.key, 0, sizeof s.bfd.auth.key);
  return s;
}

}  // namespace

Check::Check(const Settings& s, uint32_t at, uint64_t random, bfd::Sha1 sha1)
    : settings(without_key(s)),
      slot(at),
      discriminator(discriminator_of(at, random)),
      identifier(identifier_of(at, random)),
      verdict(s.policy),
      undecided(!s.starts_down),
      down(s.starts_down) {
  if (s.kind == Kind::kBfd)
    session.emplace(s.bfd, discriminator, random, sha1);
  else
    probe.emplace(echo_of(s, identifier), random);
}

}  // namespace kanmon::vigil
