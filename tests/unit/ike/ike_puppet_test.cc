// A peer that has the keys and breaks the rules: missing and doubled payloads, malformed insides,
// replays, flipped bits (IKE-04, IKE-05, IKE-12, IKE-41).
#include "tests/support/ike_puppet.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "control/ike/wire/rules.h"

namespace kanmon::test {
namespace {

using ike::ExchangeType;
using ike::NotifyType;
using ike::PayloadType;
using ike::TunnelState;

ike::TunnelParameters responder() {
  return TwoPeers::parameters(false);
}
ike::TunnelParameters initiator() {
  auto p = TwoPeers::parameters(false);
  p.startup = ike::StartupAction::kStart;
  return p;
}

NotifyType error_in(const Puppet::Heard* answer) {
  if (answer == nullptr || !answer->opened) return NotifyType::kNone;
  const auto error = ike::find_error(answer->inside.chain);
  return error ? error->type : NotifyType::kNone;
}

TEST(Keyed, TheRightMessagesWork) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init());
  ASSERT_TRUE(puppet.auth());
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
  puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, false, 2,
                             puppet.create_child_payloads(puppet.child_spi)));
  const auto all = puppet.heard();
  const auto* answer = Puppet::find(all, ExchangeType::kCreateChildSa, true);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(error_in(answer), NotifyType::kNone);
  EXPECT_EQ(puppet.status().child_rekeys, 1u);
}

TEST(Keyed, TheRightAnswersWork) {
  Puppet puppet(initiator());
  ASSERT_TRUE(puppet.answer_init());
  ASSERT_TRUE(puppet.answer_auth());
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
}

// What a payload's absence or doubling means. `kFine`: optional, or allowed more than once.
enum class Outcome { kFine, kSyntax };

// IKE_AUTH request: IDi, IDr, AUTH, SA, TSi, TSr; only IDr may be left out, nothing may come twice.
TEST(Keyed, IkeAuthRequestWithoutOrWithTwoOfAPayload) {
  for (std::size_t i = 0; i < 6; ++i)
    for (const bool twice : {false, true}) {
      SCOPED_TRACE(std::to_string(i) + (twice ? " twice" : " missing"));
      Puppet puppet(responder());
      ASSERT_TRUE(puppet.init());
      const Payloads right = puppet.auth_payloads();
      const Payloads wrong = twice ? Puppet::doubled(right, i) : Puppet::without(right, i);
      puppet.deliver(puppet.seal(ExchangeType::kIkeAuth, false, 1, wrong));
      const auto all = puppet.heard();
      ASSERT_EQ(all.size(), 1u);
      if (i == 1 && !twice) {
        EXPECT_EQ(puppet.status().state, TunnelState::kUp);
        continue;
      }
      EXPECT_EQ(error_in(&all[0]), NotifyType::kInvalidSyntax);
      EXPECT_EQ(puppet.status().state, TunnelState::kIdle);
      EXPECT_TRUE(puppet.host.inbound.empty());
      EXPECT_TRUE(puppet.host.reserved.empty());
    }
}

// IKE_AUTH response: IDr, AUTH, SA, TSi, TSr. Without the last three together the child SA failed;
// without some of them, or IDr or AUTH, the answer is none.
TEST(Keyed, IkeAuthResponseWithoutOrWithTwoOfAPayload) {
  for (std::size_t i = 0; i < 5; ++i)
    for (const bool twice : {false, true}) {
      SCOPED_TRACE(std::to_string(i) + (twice ? " twice" : " missing"));
      Puppet puppet(initiator());
      ASSERT_TRUE(puppet.answer_init());
      (void)puppet.heard();
      const Payloads right = puppet.auth_answer_payloads();
      const Payloads wrong = twice ? Puppet::doubled(right, i) : Puppet::without(right, i);
      puppet.deliver(puppet.seal(ExchangeType::kIkeAuth, true, 1, wrong));
      EXPECT_NE(puppet.status().state, TunnelState::kUp);
      EXPECT_FALSE(puppet.status().reason.empty());
      EXPECT_TRUE(puppet.host.inbound.empty());
      EXPECT_TRUE(puppet.host.outbound.empty());
    }
}

void expect_fatal(Puppet& puppet, ExchangeType exchange, const Payloads& wrong) {
  puppet.deliver(puppet.seal(exchange, false, 2, wrong));
  const auto all = puppet.heard();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(error_in(&all[0]), NotifyType::kInvalidSyntax);
  // 2.21.3: fatal at both ends, without a delete.
  EXPECT_EQ(puppet.status().state, TunnelState::kIdle);
  EXPECT_TRUE(puppet.host.inbound.empty());
  EXPECT_TRUE(puppet.host.outbound.empty());
}

TEST(Keyed, CreateChildRequestWithoutOrWithTwoOfAPayload) {
  for (std::size_t i = 0; i < 4; ++i)
    for (const bool twice : {false, true}) {
      SCOPED_TRACE(std::to_string(i) + (twice ? " twice" : " missing"));
      Puppet puppet(responder());
      ASSERT_TRUE(puppet.init() && puppet.auth());
      const Payloads right = puppet.create_child_payloads();
      expect_fatal(puppet, ExchangeType::kCreateChildSa,
                   twice ? Puppet::doubled(right, i) : Puppet::without(right, i));
    }
}

TEST(Keyed, RekeyIkeRequestWithoutOrWithTwoOfAPayload) {
  for (std::size_t i = 0; i < 3; ++i)
    for (const bool twice : {false, true}) {
      SCOPED_TRACE(std::to_string(i) + (twice ? " twice" : " missing"));
      Puppet puppet(responder());
      ASSERT_TRUE(puppet.init() && puppet.auth());
      const Payloads right = puppet.rekey_ike_payloads();
      expect_fatal(puppet, ExchangeType::kCreateChildSa,
                   twice ? Puppet::doubled(right, i) : Puppet::without(right, i));
    }
}

// Bodies cut at every octet, and with one more: refused with INVALID_SYNTAX or a negative answer,
// never a crash, never a half-made child SA.
TEST(Keyed, CreateChildBodiesOfEveryLength) {
  Puppet model(responder());
  ASSERT_TRUE(model.init() && model.auth());
  const Payloads right = model.create_child_payloads(model.child_spi);
  for (std::size_t i = 0; i < right.size(); ++i)
    for (std::size_t n = 0; n <= right[i].body.size() + 1; ++n) {
      if (n == right[i].body.size()) continue;
      Puppet puppet(responder());
      ASSERT_TRUE(puppet.init() && puppet.auth());
      Payloads wrong = puppet.create_child_payloads(puppet.child_spi);
      wrong[i].body.resize(n, 0xee);
      puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, false, 2, wrong));
      EXPECT_EQ(puppet.heard().size(), 1u) << i << " cut to " << n;
      for (const std::string& line : puppet.host.lines)
        EXPECT_EQ(line.find("BUG"), std::string::npos) << line;
    }
}

TEST(Keyed, AnUnknownCriticalPayloadIsNamedAndNotFatalLater) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  puppet.deliver(puppet.seal(ExchangeType::kInformational, false, 2,
                             {{static_cast<PayloadType>(200), Octets{1, 2}, true}}));
  const auto all = puppet.heard();
  ASSERT_EQ(all.size(), 1u);
  const auto notify =
      ike::find_notify(all[0].inside.chain, NotifyType::kUnsupportedCriticalPayload);
  ASSERT_TRUE(notify.has_value());
  ASSERT_EQ(notify->data.size(), 1u);
  EXPECT_EQ(notify->data[0], 200);
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
}

TEST(Keyed, UnknownPayloadsAndNotifiesAreIgnored) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init());
  Payloads payloads = puppet.auth_payloads();
  payloads.push_back({static_cast<PayloadType>(200), Octets{1, 2}});
  payloads.push_back({PayloadType::kVendorId, Octets{9, 9, 9}});
  payloads.push_back({PayloadType::kCertReq, Octets{4, 1, 2, 3}});
  payloads.push_back({PayloadType::kNotify, Octets{0, 0, 0xa0, 0}});
  puppet.deliver(puppet.seal(ExchangeType::kIkeAuth, false, 1, payloads));
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
}

// Every octet of a protected message flipped: dropped without an answer, counted, and the right
// message is taken afterwards.
TEST(Keyed, AFlippedOctetAnywhereIsDropped) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  const Octets right = puppet.seal(ExchangeType::kInformational, false, 2, {});
  for (std::size_t i = 0; i < right.size(); ++i) {
    Octets wrong = right;
    wrong[i] ^= 0x40;
    puppet.deliver(wrong);
    EXPECT_TRUE(puppet.heard().empty()) << i;
  }
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
  puppet.deliver(right);
  EXPECT_EQ(puppet.heard().size(), 1u);
}

//   Each message again, a thousand times, at every later point: the cached response, octet for
//   octet, while it is the last; silence afterwards; never a change (IKE-05).
TEST(Replay, OfEveryMessageGetsTheCachedResponseOrSilence) {
  Puppet puppet(responder());
  std::vector<Octets> requests;
  std::vector<Octets> responses;
  const auto replay_all = [&] {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const bool last = i + 1 == requests.size();
      for (int n = 0; n < 1000; ++n) puppet.deliver(requests[i]);
      const auto all = puppet.heard();
      // IKE_SA_INIT is answered from memory only while it is the last; later ones are strangers,
      // each of which may open one half-open SA of its own.
      if (i == 0 && !last) continue;
      ASSERT_EQ(all.size(), last ? 1000u : 0u) << i;
      for (const auto& one : all) EXPECT_EQ(one.bytes, responses[i]);
    }
  };
  ASSERT_TRUE(puppet.init());
  requests.push_back(puppet.init_request);
  responses.push_back(puppet.init_response);
  replay_all();
  const auto exchange = [&](ExchangeType type, uint32_t id, const Payloads& payloads) {
    const Octets request = puppet.seal(type, false, id, payloads);
    puppet.deliver(request);
    const auto all = puppet.heard();
    ASSERT_EQ(all.size(), 1u);
    requests.push_back(request);
    responses.push_back(all[0].bytes);
    replay_all();
  };
  exchange(ExchangeType::kIkeAuth, 1, puppet.auth_payloads());
  exchange(ExchangeType::kCreateChildSa, 2, puppet.create_child_payloads(puppet.child_spi));
  exchange(ExchangeType::kInformational, 3, {});
  EXPECT_EQ(puppet.status().child_rekeys, 1u);
  EXPECT_EQ(puppet.host.inbound.size(), 2u);
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
}

// A header alone is no key to the cached response.
TEST(Replay, AnotherMessageWithTheLastIdGetsNothing) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  Octets request = puppet.seal(ExchangeType::kInformational, false, 2, {});
  puppet.deliver(request);
  ASSERT_EQ(puppet.heard().size(), 1u);
  request.back() ^= 1;
  puppet.deliver(request);
  EXPECT_TRUE(puppet.heard().empty());
}

// A request in three fragments (RFC 7383).
std::vector<Octets> in_fragments(Puppet& puppet, uint32_t id, std::size_t room = 400) {
  ike::Header header;
  header.spi_initiator = puppet.spi_i;
  header.spi_responder = puppet.spi_r;
  header.exchange = ExchangeType::kInformational;
  header.initiator = true;
  header.message_id = id;
  ike::MessageBuilder message(header);
  message.raw(PayloadType::kVendorId, Octets(900, 0x77));
  return message
      .fragmented(
          puppet.seal_cipher, [&](wire::MutableBytes out) { puppet.host.random(out); }, room)
      .value();
}

// The first fragment, and it alone, stands for the whole: its repetition gets the stored response,
// those of the others get nothing (RFC 7383 section 2.6.1), whatever the order of arrival was.
TEST(FragmentedReplay, TheFirstFragmentAloneGetsTheStoredResponseOnce) {
  std::vector<std::size_t> order = {0, 1, 2};
  do {
    Puppet puppet(responder());
    ASSERT_TRUE(puppet.init() && puppet.auth());
    const auto request = in_fragments(puppet, 2);
    ASSERT_EQ(request.size(), 3u);
    for (const std::size_t i : order) {
      puppet.deliver(request[i]);
      puppet.deliver(request[i]);  // the wire doubles what is not complete yet
    }
    const bool first_is_last = order.back() == 0;
    const auto answers = puppet.heard();
    ASSERT_EQ(answers.size(), first_is_last ? 2u : 1u);
    const Octets response = answers[0].bytes;
    for (int round = 0; round < 3; ++round) {
      for (const Octets& fragment : request) puppet.deliver(fragment);
      const auto again = puppet.heard();
      ASSERT_EQ(again.size(), 1u);
      EXPECT_EQ(again[0].bytes, response);
    }
    puppet.deliver(request[2]);
    puppet.deliver(request[1]);
    EXPECT_TRUE(puppet.heard().empty());
    EXPECT_EQ(puppet.status().state, TunnelState::kUp);
    // The next request is the next request.
    puppet.deliver(puppet.seal(ExchangeType::kInformational, false, 3, {}));
    EXPECT_EQ(puppet.heard().size(), 1u);
    puppet.deliver(request[0]);
    EXPECT_TRUE(puppet.heard().empty());
  } while (std::next_permutation(order.begin(), order.end()));
}

// A repetition is the same octets (RFC 7296 section 2.1). What is cut or sealed anew is none, and
// a stranger's guess at the first fragment gets nothing either.
TEST(FragmentedReplay, OtherOctetsAreNoRepetition) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  const auto request = in_fragments(puppet, 2);
  for (const Octets& fragment : request) puppet.deliver(fragment);
  ASSERT_EQ(puppet.heard().size(), 1u);
  for (const auto& other : {in_fragments(puppet, 2), in_fragments(puppet, 2, 250)})
    for (const Octets& fragment : other) puppet.deliver(fragment);
  Octets guess = request[0];
  guess.back() ^= 1;
  puppet.deliver(guess);
  EXPECT_TRUE(puppet.heard().empty());
  puppet.deliver(request[0]);
  EXPECT_EQ(puppet.heard().size(), 1u);
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
}

// Larger fragments gave way to smaller ones half-way: the first of those that completed counts.
TEST(FragmentedReplay, AfterRefragmentingTheLastFirstFragmentCounts) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  const auto large = in_fragments(puppet, 2, 600);
  const auto small = in_fragments(puppet, 2, 250);
  puppet.deliver(large[0]);
  for (const Octets& fragment : small) puppet.deliver(fragment);
  const auto answer = puppet.heard();
  ASSERT_EQ(answer.size(), 1u);
  for (const Octets& fragment : large) puppet.deliver(fragment);
  EXPECT_TRUE(puppet.heard().empty());
  for (const Octets& fragment : small) puppet.deliver(fragment);
  const auto again = puppet.heard();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].bytes, answer[0].bytes);
}

TEST(Replay, OfADeleteGetsTheCachedResponseAfterTheEnd) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  const Octets goodbye = puppet.seal(
      ExchangeType::kInformational, false, 2,
      {{PayloadType::kDelete, body_of([](wire::Writer& w) { ike::write_delete_ike(w); })}});
  puppet.deliver(goodbye);
  const auto first = puppet.heard();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(puppet.status().state, TunnelState::kIdle);
  puppet.deliver(goodbye);
  const auto second = puppet.heard();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(first[0].bytes, second[0].bytes);
  puppet.run_for(seconds(31));
  puppet.deliver(goodbye);
  EXPECT_TRUE(puppet.heard().empty());
}

TEST(Keyed, DeletesOfUnknownSpisAreAnsweredEmpty) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  const std::vector<uint32_t> spis = {1, 0xffffffff, puppet.engine_child_spi};
  puppet.deliver(puppet.seal(
      ExchangeType::kInformational, false, 2,
      {{PayloadType::kDelete, body_of([&](wire::Writer& w) { ike::write_delete_esp(w, spis); })}}));
  const auto all = puppet.heard();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].inside.chain.empty());
  EXPECT_EQ(puppet.status().state, TunnelState::kUp);
}

TEST(Keyed, RekeyOfAnUnknownChildIsChildSaNotFound) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  puppet.deliver(puppet.seal(ExchangeType::kCreateChildSa, false, 2,
                             puppet.create_child_payloads(0x77777777)));
  const auto all = puppet.heard();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(error_in(&all[0]), NotifyType::kChildSaNotFound);
  EXPECT_EQ(ike::find_error(all[0].inside.chain)->esp_spi(), 0x77777777u);
}

// The peer rekeys with the SPI it uses already: the two child SAs could not be told apart.
TEST(Keyed, AChildSaWithAnSpiInUseIsRefused) {
  Puppet puppet(responder());
  ASSERT_TRUE(puppet.init() && puppet.auth());
  const uint32_t in_use = puppet.child_spi;
  puppet.child_spi = in_use - 1;  // create_child_payloads() proposes the one after
  puppet.deliver(
      puppet.seal(ExchangeType::kCreateChildSa, false, 2, puppet.create_child_payloads(in_use)));
  const auto all = puppet.heard();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_NE(error_in(&all[0]), NotifyType::kNone);
  EXPECT_EQ(puppet.status().children.size(), 1u);
  EXPECT_TRUE(puppet.host.reserved.empty());
}

}  // namespace
}  // namespace kanmon::test
