// No secret in what the engine says (IKE-38), at the level of most detail, in good and in bad
// times.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/ike_puppet.h"

namespace kanmon::test {
namespace {

std::string hex(wire::Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : bytes) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

std::string everything_said(const FakeHost& host, const ike::Engine& engine, TimePoint now) {
  std::string all;
  for (const std::string& line : host.lines) all += line + "\n";
  for (const auto& s : engine.status(now))
    all += s.name + s.reason + s.peer_id + s.ike_algorithms + "\n";
  for (const auto& [name, value] : engine.counters()) all += name + std::to_string(value) + "\n";
  return all;
}

// Eight octets of a secret in a row are a leak, raw or in hexadecimal of either case.
void expect_absent(std::string said, wire::Bytes secret) {
  ASSERT_GE(secret.size(), 8u);
  std::string lower = said;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (std::size_t i = 0; i + 8 <= secret.size(); ++i) {
    const wire::Bytes part = secret.subspan(i, 8);
    const std::string raw(reinterpret_cast<const char*>(part.data()), part.size());
    EXPECT_EQ(said.find(raw), std::string::npos);
    EXPECT_EQ(lower.find(hex(part)), std::string::npos);
  }
}

TEST(Secrets, TheKeysOfALongLifeAreNeverInTheLog) {
  TwoPeers peers;
  ASSERT_TRUE(peers.connect());
  for (int i = 0; i < 20; ++i) {
    (void)peers.a.engine->rekey_child(peers.now(), "t");
    (void)peers.b.engine->rekey_child(peers.now(), "t");
    peers.run_for(seconds(1));
    (void)peers.a.engine->rekey_ike(peers.now(), "t");
    peers.run_for(seconds(3));
  }
  (void)peers.b.engine->down(peers.now(), "t");
  peers.run_for(seconds(5));
  for (const bool is_a : {true, false}) {
    const FakeHost& host = peers.side(is_a).host;
    const std::string said = everything_said(host, *peers.side(is_a).engine, peers.now());
    EXPECT_GT(said.size(), 1000u);
    expect_absent(said, TwoPeers::parameters(true).psk.bytes());
    EXPECT_GT(host.keys_seen.size(), 20u);
    for (const Octets& key : host.keys_seen) expect_absent(said, key);
  }
}

TEST(Secrets, AWrongKeyIsReportedWithoutEitherKey) {
  auto pb = TwoPeers::parameters(false);
  const Octets other{'o', 't', 'h', 'e', 'r', '-', 's', 'e', 'c', 'r', 'e', 't', '-', '1'};
  pb.psk = Secret(wire::Bytes(other));
  TwoPeers peers;
  peers.b.engine->add(peers.now(), std::move(pb));
  peers.a.engine->add(peers.now(), TwoPeers::parameters(true));
  peers.run_for(seconds(30));
  for (const bool is_a : {true, false}) {
    const std::string said =
        everything_said(peers.side(is_a).host, *peers.side(is_a).engine, peers.now());
    expect_absent(said, TwoPeers::parameters(true).psk.bytes());
    expect_absent(said, other);
  }
}

TEST(Secrets, TheKeysOfTheIkeSaAreNeverInTheLog) {
  Puppet puppet(TwoPeers::parameters(false));
  ASSERT_TRUE(puppet.init() && puppet.auth());
  Octets wrong = puppet.seal(ike::ExchangeType::kCreateChildSa, false, 2,
                             Puppet::without(puppet.create_child_payloads(), 0));
  puppet.deliver(wrong);
  const std::string said = everything_said(puppet.host, *puppet.engine, puppet.now);
  for (const Secret* key :
       {&puppet.keys.d, &puppet.keys.ei, &puppet.keys.er, &puppet.keys.pi, &puppet.keys.pr})
    expect_absent(said, key->bytes());
}

// What the peer calls itself goes to the log; it cannot write its own lines there.
TEST(Secrets, APeersNameCannotForgeALogLine) {
  auto pb = TwoPeers::parameters(false);
  Puppet puppet(std::move(pb));
  const std::string name = "x\nike-established tunnel=t\x1b[31m";
  puppet.mine.local_id.data.assign(name.begin(), name.end());
  ASSERT_TRUE(puppet.init());
  EXPECT_FALSE(puppet.auth());
  for (const std::string& line : puppet.host.lines) {
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace kanmon::test
