#include "control/ike/fragment.h"

#include "control/ike/wire/payloads.h"

namespace kanmon::ike {
namespace {

Reassembler::Step refuse(PayloadType payload, Error error, const char* why) {
  Reassembler::Step step;
  step.verdict = Refusal{NotifyType::kNone, payload, error, why};
  return step;
}

Reassembler::Step step(Reassembler::Outcome outcome) {
  Reassembler::Step s;
  s.outcome = outcome;
  return s;
}

}  // namespace

Reassembler::Step Reassembler::add(TimePoint now, wire::Bytes message, const Header& header,
                                   const Chain& outside, const SkCipher& cipher) {
  expire(now);
  const Payload* skf = outside.encrypted();
  if (skf == nullptr || skf->type != PayloadType::kSkf)
    return refuse(PayloadType::kSkf, {Errc::kNotFound, 0}, "missing");
  const auto body_at = static_cast<uint32_t>(kHeaderBytes + skf->at + kGenericHeaderBytes);
  const auto fragment = parse_fragment_header(skf->body);
  if (!fragment.ok())
    return refuse(skf->type, {fragment.error().code, body_at}, "has wrong fragment numbers");
  if (fragment->total > kMaxFragments)
    return refuse(skf->type, {Errc::kNoSpace, body_at}, "has too many fragments");
  const bool first = fragment->number == 1;
  if (first != (outside.first_inside() != PayloadType::kNone))
    return refuse(skf->type, {Errc::kBadValue, body_at}, "names a payload in the wrong fragment");

  // What needs no cryptography: repetitions cost nothing.
  const bool same = total_ != 0 && header.message_id == message_id_;
  if (same && fragment->total < total_) return step(Outcome::kStale);
  const bool joins = same && fragment->total == total_;
  if (joins && have_[fragment->number - 1u]) return step(Outcome::kDuplicate);

  auto plain = cipher.open(message, body_at + kFragmentHeaderBytes);
  if (!plain.ok()) return refuse(skf->type, plain.error(), "cannot be opened");

  // Authentic: only now may it replace or join what is stored.
  if (!joins) start(now, header.message_id, fragment->total);
  if (bytes_ + plain->size() > kMaxBytes)
    return refuse(skf->type, {Errc::kNoSpace, body_at}, "exceeds the memory for fragments");
  if (first) first_inside_ = outside.first_inside();
  bytes_ += plain->size();
  parts_[fragment->number - 1u] = std::move(*plain);
  have_[fragment->number - 1u] = true;
  return ++stored_ == total_ ? complete() : step(Outcome::kStored);
}

void Reassembler::start(TimePoint now, uint32_t message_id, uint16_t total) {
  reset();
  message_id_ = message_id;
  total_ = total;
  since_ = now;
  parts_.resize(total);
  have_.resize(total, false);
}

Reassembler::Step Reassembler::complete() {
  Step s = step(Outcome::kComplete);
  s.opened.plain.reserve(bytes_);
  for (const Octets& part : parts_)
    s.opened.plain.insert(s.opened.plain.end(), part.begin(), part.end());
  s.verdict = parse_chain(s.opened.plain, first_inside_, s.opened.chain);
  reset();
  return s;
}

void Reassembler::expire(TimePoint now) {
  if (total_ != 0 && now - since_ >= kMaxAge) reset();
}

void Reassembler::reset() {
  *this = Reassembler();
}

TimePoint Reassembler::deadline() const {
  return total_ == 0 ? TimePoint::max() : since_ + kMaxAge;
}

}  // namespace kanmon::ike
