#include "control/ike/wire/message.h"

#include <algorithm>
#include <array>

#include "control/ike/ts.h"

namespace kanmon::ike {

namespace {

Refusal silent(PayloadType payload, Error error, const char* why) {
  return {NotifyType::kNone, payload, error, why};
}

uint32_t body_offset(const Payload& p) {
  // Chain offsets count from behind the header.
  return static_cast<uint32_t>(kHeaderBytes + p.at + kGenericHeaderBytes);
}

}  // namespace

Verdict open_message(wire::Bytes message, const Chain& outside, const SkCipher& cipher,
                     Opened& out) {
  const Payload* sk = outside.encrypted();
  if (sk == nullptr || sk->type != PayloadType::kSk)
    return silent(PayloadType::kSk, {Errc::kNotFound, 0}, "missing");
  auto plain = cipher.open(message, body_offset(*sk));
  if (!plain.ok()) return silent(sk->type, plain.error(), "cannot be opened");
  out.plain = std::move(*plain);
  return parse_chain(out.plain, outside.first_inside(), out.chain);
}

MessageBuilder::MessageBuilder(const Header& header)
    : header_(header), room_(new uint8_t[kRoomBytes]), w_({room_.get(), kRoomBytes}) {}

std::size_t MessageBuilder::open(PayloadType type, bool critical) {
  const std::size_t at = w_.size();
  if (any_) {
    w_.patch(last_next_, static_cast<uint8_t>(type));
  } else {
    first_ = type;
  }
  any_ = true;
  last_next_ = at;
  w_.u8(0);
  w_.u8(critical ? 0x80 : 0);
  w_.u16(0);
  return at;
}

void MessageBuilder::close(std::size_t at) {
  w_.patch(at + 2, static_cast<uint16_t>(w_.size() - at));
}

MessageBuilder& MessageBuilder::sa(std::span<const Proposal> proposals) {
  const std::size_t at = open(PayloadType::kSa);
  write_sa(w_, proposals);
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::ke(uint16_t group, wire::Bytes data) {
  const std::size_t at = open(PayloadType::kKe);
  write_ke(w_, group, data);
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::nonce(wire::Bytes data) {
  return raw(PayloadType::kNonce, data);
}

MessageBuilder& MessageBuilder::id(PayloadType which, const Identity& id) {
  const std::size_t at = open(which);
  write_id(w_, id);
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::auth(AuthMethod method, wire::Bytes data) {
  const std::size_t at = open(PayloadType::kAuth);
  write_auth(w_, method, data);
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::ts(PayloadType which, std::span<const sa::Selector> selectors) {
  const std::size_t at = open(which);
  write_ts(w_, selectors);
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::notify(NotifyType type, wire::Bytes data) {
  const std::size_t at = open(PayloadType::kNotify);
  write_notify(w_, {ProtocolId::kNone, type, {}, data});
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::notify_esp(NotifyType type, uint32_t spi, wire::Bytes data) {
  std::array<uint8_t, 4> octets;
  store_be(octets.data(), spi);
  const std::size_t at = open(PayloadType::kNotify);
  write_notify(w_, {ProtocolId::kEsp, type, octets, data});
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::delete_ike() {
  const std::size_t at = open(PayloadType::kDelete);
  write_delete_ike(w_);
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::delete_esp(std::span<const uint32_t> spis) {
  const std::size_t at = open(PayloadType::kDelete);
  write_delete_esp(w_, spis);
  close(at);
  return *this;
}

MessageBuilder& MessageBuilder::raw(PayloadType type, wire::Bytes body, bool critical) {
  const std::size_t at = open(type, critical);
  w_.put(body);
  close(at);
  return *this;
}

Result<Octets> MessageBuilder::plain() const {
  if (!w_.ok()) return Errc::kNoSpace;
  Octets message(kHeaderBytes + w_.size());
  wire::Writer w(message);
  Header header = header_;
  header.next = first_;
  header.length = static_cast<uint32_t>(message.size());
  write_header(w, header);
  w.put(w_.written());
  return message;
}

// Header | SK or SKF generic header | (fragment fields) | IV | content, padded | ICV.
Result<Octets> MessageBuilder::seal(SkCipher& cipher, const RandomFn& random, PayloadType outer,
                                    PayloadType first, FragmentHeader fragment,
                                    wire::Bytes content) const {
  const bool fragmented = outer == PayloadType::kSkf;
  const std::size_t generic = kGenericHeaderBytes + (fragmented ? kFragmentHeaderBytes : 0);
  const std::size_t body_at = kHeaderBytes + generic;
  Octets message(body_at + cipher.sealed_bytes(content.size()));
  wire::Writer w(message);
  Header header = header_;
  header.next = outer;
  header.length = static_cast<uint32_t>(message.size());
  write_header(w, header);
  w.u8(static_cast<uint8_t>(first));
  w.u8(0);
  w.u16(static_cast<uint16_t>(message.size() - kHeaderBytes));
  if (fragmented) {
    w.u16(fragment.number);
    w.u16(fragment.total);
  }
  w.fill(0, cipher.iv_bytes());
  w.put(content);
  if (!w.ok()) return Errc::kNoSpace;
  const Status sealed = cipher.seal(message, body_at, content.size(), random);
  if (!sealed.ok()) return sealed.error();
  return message;
}

Result<Octets> MessageBuilder::sealed(SkCipher& cipher, const RandomFn& random) const {
  if (!w_.ok()) return Errc::kNoSpace;
  return seal(cipher, random, PayloadType::kSk, first_, {}, w_.written());
}

Result<std::vector<Octets>> MessageBuilder::fragmented(SkCipher& cipher, const RandomFn& random,
                                                       std::size_t max_message_bytes) const {
  if (!w_.ok()) return Errc::kNoSpace;
  const wire::Bytes all = w_.written();
  std::vector<Octets> messages;
  if (kHeaderBytes + kGenericHeaderBytes + cipher.sealed_bytes(all.size()) <= max_message_bytes) {
    auto whole = sealed(cipher, random);
    if (!whole.ok()) return whole.error();
    messages.push_back(std::move(*whole));
    return messages;
  }
  const std::size_t fixed = kHeaderBytes + kGenericHeaderBytes + kFragmentHeaderBytes;
  const std::size_t room =
      max_message_bytes > fixed ? cipher.plain_room(max_message_bytes - fixed) : 0;
  const std::size_t total = room == 0 ? 0 : (all.size() + room - 1) / room;
  if (total == 0 || total > kMaxFragments) return Errc::kBadLength;
  for (std::size_t i = 0; i < total; ++i) {
    const wire::Bytes part = all.subspan(i * room, std::min(room, all.size() - i * room));
    auto message = seal(cipher, random, PayloadType::kSkf, i == 0 ? first_ : PayloadType::kNone,
                        {static_cast<uint16_t>(i + 1), static_cast<uint16_t>(total)}, part);
    if (!message.ok()) return message.error();
    messages.push_back(std::move(*message));
  }
  return messages;
}

}  // namespace kanmon::ike
