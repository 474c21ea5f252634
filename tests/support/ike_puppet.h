// A scripted IKE peer that holds the right keys and does what the test says, right or wrong: the
// other end of an engine under test. Built on the wire and crypto rooms, without the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/sk_cipher.h"
#include "control/ike/kdf.h"
#include "control/ike/wire/message.h"
#include "tests/support/two_peers.h"

namespace kanmon::test {

struct RawPayload {
  ike::PayloadType type;
  Octets body;
  bool critical = false;
};
using Payloads = std::vector<RawPayload>;

// Facing one engine with TwoPeers' tunnel "t"; the puppet is A, the engine B's configuration.
class Puppet {
 public:
  // The engine's tunnel: TwoPeers::parameters(false), changed by the test before calling.
  explicit Puppet(ike::TunnelParameters engine_side, ike::EngineOptions options = {});

  // --- the puppet as initiator ---
  // Sends IKE_SA_INIT and takes the keys from the answer; false if there was no good answer.
  bool init();
  // Payloads of a right IKE_AUTH request: IDi, IDr, AUTH, SA, TSi, TSr.
  Payloads auth_payloads() const;
  // Sends it and lets the engine finish; true if the engine answered with AUTH.
  bool auth();
  Payloads create_child_payloads(uint32_t rekeyed_spi = 0) const;  // 0: a new child SA
  Payloads rekey_ike_payloads();

  // --- the puppet as responder: the engine's tunnel must have startup `start` ---
  // Answers the engine's IKE_SA_INIT with a right response.
  bool answer_init();
  Payloads auth_answer_payloads() const;  // IDr, AUTH, SA, TSi, TSr
  bool answer_auth();

  // A protected message with these payloads.
  Octets seal(ike::ExchangeType exchange, bool response, uint32_t id, const Payloads& payloads);
  // Gives it to the engine and lets it work until nothing is due at once.
  void deliver(const Octets& bytes);
  // What the engine sent since the last call, opened if it can be.
  struct Heard {
    ike::Header header;
    Octets bytes;
    bool opened = false;
    ike::Opened inside;
  };
  std::vector<Heard> heard();
  // The first of `heard` that is such a message; null if none.
  static const Heard* find(const std::vector<Heard>& heard, ike::ExchangeType exchange,
                           bool response);

  // Advances the clock; the data plane acknowledges at once, timers run.
  void run_for(Duration d);
  ike::TunnelStatus status() const { return engine->status(now).at(0); }
  uint64_t counter(std::string_view name) const;

  static Payloads without(const Payloads& payloads, std::size_t index);
  static Payloads doubled(const Payloads& payloads, std::size_t index);

  TimePoint now{std::chrono::hours(1)};
  FakeHost host;
  std::unique_ptr<ike::Engine> engine;
  ike::TunnelParameters mine = TwoPeers::parameters(true);
  bool initiator = true;
  bool offer_fragmentation = true;
  bool announce_nat = false;
  wire::Endpoint local{TwoPeers::kAddressA, 500};
  wire::Endpoint remote{TwoPeers::kAddressB, 500};
  uint64_t spi_i = 0x1111222233334444, spi_r = 0;
  uint32_t child_spi = 0xabcd0001;  // ours, in IKE_AUTH
  uint32_t engine_child_spi = 0;    // the engine's
  Octets ni = Octets(32, 0x11), nr = Octets(32, 0x22);
  Octets init_request, init_response;
  ike::IkeSuite suite;
  ike::IkeKeys keys;
  ike::SkCipher seal_cipher, open_cipher;

 private:
  void settle();
  bool take_keys(const ike::Dh& dh, wire::Bytes peer_public);
  Octets signed_auth(bool as_initiator) const;

  std::vector<Octets> outbox_;
  std::vector<uint32_t> installs_;
};

// The body of one payload, as its writer in payloads.h makes it.
template <class Write>
Octets body_of(Write write) {
  Octets room(4096);
  wire::Writer w(room);
  write(w);
  room.resize(w.size());
  return room;
}

}  // namespace kanmon::test
