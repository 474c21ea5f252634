// Opening and building whole messages.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "control/ike/crypto/random.h"
#include "control/ike/crypto/sk_cipher.h"
#include "control/ike/types.h"
#include "control/ike/wire/chain.h"
#include "control/ike/wire/header.h"
#include "control/ike/wire/payloads.h"

namespace kanmon::ike {

using Octets = std::vector<uint8_t>;

// An opened SK payload: `chain` shows `plain`. Moving keeps the views valid, copying would not.
struct Opened {
  Octets plain;
  Chain chain;

  Opened() = default;
  Opened(Opened&&) = default;
  Opened& operator=(Opened&&) = default;
};

// Opens the SK payload of `message`, whose outside has been parsed into `outside` (chain.h, from
// message.subspan(kHeaderBytes)) and checked (rules.h). ICV first, then decryption, then padding,
// then the payloads inside; a failure before the payloads has Refusal::notify kNone and error
// kAuthFailed or kTruncated: drop silently. SKF payloads go through Reassembler (fragment.h)
// instead.
[[nodiscard]] Verdict open_message(wire::Bytes message, const Chain& outside,
                                   const SkCipher& cipher, Opened& out);

// Collects payloads, then makes the datagram. One use: build payloads, call one finish function.
//
//   MessageBuilder b(header);
//   b.sa(proposals).ke(dh.group(), dh.public_value()).nonce(ni);
//   Result<Octets> datagram = b.plain();
//
// Payloads past kRoomBytes make the finish functions return kNoSpace; nothing is ever truncated.
class MessageBuilder {
 public:
  static constexpr std::size_t kRoomBytes = 32 * 1024;

  // `next` and `length` of `header` are filled in by the builder.
  explicit MessageBuilder(const Header& header);

  MessageBuilder& sa(std::span<const Proposal> proposals);
  MessageBuilder& ke(uint16_t group, wire::Bytes data);
  MessageBuilder& nonce(wire::Bytes data);
  // `which` is kIdi or kIdr.
  MessageBuilder& id(PayloadType which, const Identity& id);
  MessageBuilder& auth(AuthMethod method, wire::Bytes data);
  // `which` is kTsi or kTsr.
  MessageBuilder& ts(PayloadType which, std::span<const sa::Selector> selectors);
  MessageBuilder& notify(NotifyType type, wire::Bytes data = {});
  MessageBuilder& notify_esp(NotifyType type, uint32_t spi, wire::Bytes data = {});
  MessageBuilder& delete_ike();
  MessageBuilder& delete_esp(std::span<const uint32_t> spis);
  // A payload with the given body.
  MessageBuilder& raw(PayloadType type, wire::Bytes body, bool critical = false);

  // The message in clear (IKE_SA_INIT).
  Result<Octets> plain() const;
  // The message with all payloads inside one SK payload; `random` makes CBC's IV.
  Result<Octets> sealed(SkCipher& cipher, const RandomFn& random) const;
  // One SK message if that fits `max_message_bytes` (IKE octets, without UDP and IP), else as many
  // SKF messages as needed (RFC 7383 section 2.5). kBadLength if that would be more than
  // kMaxFragments or the limit leaves no room for content.
  static constexpr std::size_t kMaxFragments = 64;
  Result<std::vector<Octets>> fragmented(SkCipher& cipher, const RandomFn& random,
                                         std::size_t max_message_bytes) const;

 private:
  // Starts a payload: links it to the chain and returns the offset of its generic header.
  std::size_t open(PayloadType type, bool critical = false);
  void close(std::size_t at);
  Result<Octets> seal(SkCipher& cipher, const RandomFn& random, PayloadType outer,
                      PayloadType first, FragmentHeader fragment, wire::Bytes content) const;

  Header header_;
  std::unique_ptr<uint8_t[]> room_;
  wire::Writer w_;
  PayloadType first_ = PayloadType::kNone;
  std::size_t last_next_ = 0;  // offset of the generic header to link from
  bool any_ = false;
};

}  // namespace kanmon::ike
