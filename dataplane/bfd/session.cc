#include "dataplane/bfd/session.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/bfd/states.h"

namespace kanmon::bfd {
namespace {

constexpr uint32_t kWindowFactor = 3;      // sections 6.7.3, 6.7.4: of the detect multiplier
constexpr uint64_t kForgetAuthFactor = 2;  // section 6.8.1: bfd.AuthSeqKnown, detection times

uint32_t slow(uint32_t interval_us) {
  return std::max(interval_us, kSlowTxUs);
}

bool same(const uint8_t* a, const uint8_t* b) {
  uint8_t differ = 0;
  for (uint32_t i = 0; i < kDigestBytes; ++i) differ = static_cast<uint8_t>(differ | (a[i] ^ b[i]));
  return differ == 0;
}

}  // namespace

Session::Session(const Policy& policy, uint32_t discriminator, uint64_t seed, Sha1 sha1)
    : policy_(policy),
      tx_us_(slow(policy.desired_min_tx_us)),
      rx_us_(policy.required_min_rx_us),
      sha1_(sha1),
      discriminator_(discriminator),
      random_(seed | 1) {
  assert(discriminator != 0 && policy.detect_multiplier != 0);
  assert(policy.auth.type == AuthType::kNone || sha1 != nullptr);
  tx_auth_ = random();
}

Session::~Session() {
  // Through a volatile pointer: nobody reads the key again, and it shall go all the same.
  volatile uint8_t* key = policy_.auth.key;
  for (uint32_t i = 0; i < kDigestBytes; ++i) key[i] = 0;
}

// xorshift64*
uint32_t Session::random() {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return static_cast<uint32_t>(random_ * 0x2545f4914f6cdd1du >> 32);
}

// ---- receiving (section 6.8.6)

Refusal Session::receive(uint64_t now_us, wire::Bytes datagram) {
  Packet p;
  Refusal why = parse(datagram, p);
  if (why == Refusal::kNone && p.your_discriminator != 0 && p.your_discriminator != discriminator_)
    why = Refusal::kYourDiscriminator;
  if (why == Refusal::kNone) why = authenticate(p, datagram);
  if (why == Refusal::kNone && state_ == State::kAdminDown) why = Refusal::kDown;
  if (why != Refusal::kNone) {
    ++counters_.refused[static_cast<std::size_t>(why)];
    return why;
  }
  ++counters_.received;
  learn(now_us, p);
  const Move m = move(state_, p.state);
  if (m.next != state_) go(now_us, m.next, m.diag);
  if (p.poll) final_ = true;
  return Refusal::kNone;
}

// Sections 6.7.4 (SHA1) and 6.8.6. Only a packet with the right digest moves the sequence number.
Refusal Session::authenticate(const Packet& p, wire::Bytes datagram) {
  const Auth& auth = policy_.auth;
  if (auth.type == AuthType::kNone)
    return p.authenticated ? Refusal::kAuthUnexpected : Refusal::kNone;
  if (!p.authenticated) return Refusal::kAuthMissing;
  if (p.auth_type != static_cast<uint8_t>(auth.type)) return Refusal::kAuthType;
  if (p.length != kMostBytes) return Refusal::kAuthType;
  if (p.key_id != auth.key_id) return Refusal::kAuthKey;
  const uint32_t ahead = p.auth_sequence - rx_auth_;  // circular
  const uint32_t least = auth.type == AuthType::kMeticulousSha1 ? 1 : 0;
  if (auth_known_ && (ahead < least || ahead > kWindowFactor * p.detect_multiplier))
    return Refusal::kAuthSequence;
  if (!digest_is_right(p, datagram)) return Refusal::kAuthDigest;
  rx_auth_ = p.auth_sequence;
  auth_known_ = true;
  return Refusal::kNone;
}

// The digest is that of the packet with the key in its place.
bool Session::digest_is_right(const Packet& p, wire::Bytes datagram) const {
  uint8_t copy[kMostBytes], digest[kDigestBytes];
  std::memcpy(copy, datagram.data(), p.length);
  std::memcpy(copy + kDigestOffset, policy_.auth.key, kDigestBytes);
  sha1_(copy, p.length, digest);
  return same(digest, &datagram[kDigestOffset]);
}

void Session::learn(uint64_t now_us, const Packet& p) {
  const uint32_t before = tx_interval_us();
  remote_discriminator_ = p.my_discriminator;
  remote_state_ = p.state;
  remote_diag_ = p.diag;
  remote_demand_ = p.demand;
  remote_independent_ = p.control_plane_independent;
  remote_multiplier_ = p.detect_multiplier;
  remote_min_rx_us_ = p.required_min_rx_us;
  remote_min_tx_us_ = p.desired_min_tx_us;
  heard_us_ = now_us;
  if (p.final && poll_) finish_poll();
  // Section 6.8.3: a shorter interval is honoured at once.
  if (tx_interval_us() < before || before == 0) schedule(now_us);
}

void Session::finish_poll() {
  poll_ = false;
  tx_us_ = state_ == State::kUp ? policy_.desired_min_tx_us : slow(policy_.desired_min_tx_us);
  rx_us_ = policy_.required_min_rx_us;
}

// ---- state

void Session::go(uint64_t now_us, State next, Diag diag) {
  if (next == State::kUp) {
    ++counters_.went_up;
    tx_us_ = policy_.desired_min_tx_us;
    poll_ = true;  // the interval changes from the slow one (section 6.8.3)
  } else {
    if (state_ == State::kUp) ++counters_.went_down;
    tx_us_ = slow(policy_.desired_min_tx_us);
    rx_us_ = policy_.required_min_rx_us;
    poll_ = false;
  }
  // Of the way down the first reason counts; it stays to be told until the session is up again.
  if (next == State::kUp || diag != Diag::kNone) diag_ = diag;
  state_ = next;
  since_us_ = now_us;
  next_tx_us_ = now_us;  // section 6.8.7: what changed is told at once
}

bool Session::expire(uint64_t now_us) {
  if (heard_us_ == kNever) return false;
  const uint64_t time = detection_time_us();
  if (auth_known_ && now_us >= heard_us_ + kForgetAuthFactor * time) auth_known_ = false;
  if (remote_discriminator_ == 0 || now_us < heard_us_ + time) return false;
  forget_remote();
  if (state_ != State::kInit && state_ != State::kUp) return false;
  go(now_us, State::kDown, Diag::kDetectionTimeExpired);
  return true;
}

// Section 6.8.1: after a detection time without packets we do not know the far end any more.
void Session::forget_remote() {
  remote_discriminator_ = 0;
  remote_state_ = State::kDown;
  remote_demand_ = false;
  remote_min_rx_us_ = 1;
}

void Session::set_admin_down(uint64_t now_us, bool down) {
  if (down == (state_ == State::kAdminDown)) return;
  if (down) {
    go(now_us, State::kAdminDown, Diag::kAdministrativelyDown);
    final_ = false;
  } else {
    diag_ = Diag::kNone;
    go(now_us, State::kDown, Diag::kNone);
  }
}

void Session::change(uint64_t now_us, const Policy& policy) {
  assert(policy.detect_multiplier != 0);
  const Auth auth = policy_.auth;
  const bool passive = policy_.passive;
  policy_ = policy;
  policy_.auth = auth;
  policy_.passive = passive;
  if (state_ != State::kUp) return finish_poll();
  // Section 6.8.3: what makes us slower, or less patient, waits until the far end has said that it
  // knows.
  tx_us_ = std::min(tx_us_, policy.desired_min_tx_us);
  rx_us_ = std::max(rx_us_, policy.required_min_rx_us);
  poll_ = true;
  schedule(now_us);
}

uint32_t Session::tx_interval_us() const {
  return remote_min_rx_us_ == 0 ? 0 : std::max(tx_us_, remote_min_rx_us_);
}

uint64_t Session::detection_time_us() const {
  return uint64_t{remote_multiplier_} * std::max(rx_us_, remote_min_tx_us_);
}

// ---- sending (section 6.8.7)

bool Session::may_send() const {
  if (tx_interval_us() == 0) return false;
  if (policy_.passive && remote_discriminator_ == 0) return false;
  const bool demand = remote_demand_ && state_ == State::kUp && remote_state_ == State::kUp;
  return !demand || poll_;
}

// The interval less 0 to 25 %; with a multiplier of 1 less 10 to 25 %, as one late packet would be
// the end.
void Session::schedule(uint64_t from_us) {
  const uint64_t interval = tx_interval_us();
  const uint64_t most = policy_.detect_multiplier == 1 ? 90 : 100, least = 75;
  const uint64_t from = interval * least / 100, to = interval * most / 100;
  next_tx_us_ = from_us + from + random() % (to - from + 1);
}

uint32_t Session::transmit(uint64_t now_us, wire::MutableBytes room) {
  const bool due = may_send() && now_us >= next_tx_us_;
  if (!final_ && !due) return 0;
  const Packet p = compose();
  const uint32_t octets = write(p, room);
  if (octets == 0) return 0;
  if (policy_.auth.type != AuthType::kNone) seal(room.first(octets));
  final_ = false;
  if (due) schedule(now_us);
  ++counters_.sent;
  return octets;
}

Packet Session::compose() {
  Packet p;
  p.diag = diag_;
  p.state = state_;
  p.final = final_;
  p.poll = poll_ && !final_;  // never both (section 6.5)
  p.control_plane_independent = policy_.control_plane_independent;
  p.detect_multiplier = policy_.detect_multiplier;
  p.my_discriminator = discriminator_;
  p.your_discriminator = remote_discriminator_;
  p.desired_min_tx_us =
      state_ == State::kUp ? policy_.desired_min_tx_us : slow(policy_.desired_min_tx_us);
  p.required_min_rx_us = policy_.required_min_rx_us;
  p.auth_type = static_cast<uint8_t>(policy_.auth.type);
  p.key_id = policy_.auth.key_id;
  // Each packet has a number of its own: demanded of the meticulous type, allowed to the other.
  p.auth_sequence = ++tx_auth_;
  return p;
}

void Session::seal(wire::MutableBytes packet) {
  std::memcpy(&packet[kDigestOffset], policy_.auth.key, kDigestBytes);
  uint8_t digest[kDigestBytes];
  sha1_(packet.data(), static_cast<uint32_t>(packet.size()), digest);
  std::memcpy(&packet[kDigestOffset], digest, kDigestBytes);
}

uint64_t Session::next_due() const {
  if (final_) return 0;
  uint64_t due = may_send() ? next_tx_us_ : kNever;
  if (heard_us_ == kNever) return due;
  const uint64_t time = detection_time_us();
  if (remote_discriminator_ != 0) due = std::min(due, heard_us_ + time);
  if (auth_known_) due = std::min(due, heard_us_ + kForgetAuthFactor * time);
  return due;
}

}  // namespace kanmon::bfd
