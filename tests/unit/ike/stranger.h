// Who knocks without keys, and an engine that listens to him alone.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "control/ike/proposal.h"
#include "tests/support/ike_puppet.h"

namespace kanmon::test {

struct Stranger {
  uint64_t spi = 1;
  wire::Endpoint from{wire::IpAddress::v4(0xc0000201), 500};
  Octets nonce = Octets(32, 7);
  Octets cookie;
  uint16_t group = 31;
  ike::IkeTransforms offered = TwoPeers::parameters(true).ike;

  Octets request() const {
    ike::Header header;
    header.spi_initiator = spi;
    header.initiator = true;
    ike::MessageBuilder message(header);
    if (!cookie.empty()) message.notify(ike::NotifyType::kCookie, cookie);
    const auto dh = ike::Dh::make(group);
    message.sa(ike::make_ike_proposals(offered, 0)).ke(group, dh->public_value()).nonce(nonce);
    return message.plain().value();
  }
};

struct Door {
  explicit Door(ike::EngineOptions options = {}) : host(), engine(host, options) {
    host.on_send = [this](const wire::Endpoint&, const wire::Endpoint& to, wire::Bytes bytes) {
      sent.emplace_back(to, Octets(bytes.begin(), bytes.end()));
    };
    host.on_install = [](uint32_t) {};
    auto p = TwoPeers::parameters(false);
    p.remote_address.reset();
    engine.add(now, std::move(p));
  }
  void deliver(const Stranger& stranger, const Octets& bytes) {
    engine.receive(now, {TwoPeers::kAddressB, 500}, stranger.from, bytes);
  }
  uint64_t count(std::string_view name) const {
    for (const auto& [key, value] : engine.counters())
      if (key == name) return value;
    return ~uint64_t{0};
  }
  ike::NotifyType last_notify(Octets* data = nullptr) const {
    if (sent.empty()) return ike::NotifyType::kNone;
    const Octets& bytes = sent.back().second;
    const auto header = ike::parse_header(bytes);
    ike::Chain chain;
    if (ike::parse_chain(wire::Bytes(bytes).subspan(ike::kHeaderBytes), header->next, chain))
      return ike::NotifyType::kNone;
    const ike::Payload* payload = chain.find(ike::PayloadType::kNotify);
    if (payload == nullptr) return ike::NotifyType::kNone;
    const auto notify = ike::parse_notify(payload->body);
    if (data != nullptr) data->assign(notify->data.begin(), notify->data.end());
    return notify->type;
  }

  TimePoint now{std::chrono::hours(1)};
  FakeHost host;
  ike::Engine engine;
  std::vector<std::pair<wire::Endpoint, Octets>> sent;
};

}  // namespace kanmon::test
