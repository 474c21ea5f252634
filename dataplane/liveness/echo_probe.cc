#include "dataplane/liveness/echo_probe.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/headers.h"
#include "dataplane/wire/reader.h"
#include "dataplane/wire/writer.h"

namespace kanmon::liveness {
namespace {

constexpr uint8_t kRequest4 = 8, kReply4 = 0, kRequest6 = 128, kReply6 = 129;
constexpr uint8_t kHops = 64;
constexpr uint32_t kIcmpHeader = 8;
constexpr uint8_t kInternetControl = 0xc0;  // DSCP CS6: a probe is not the first to be dropped

constexpr const char* kNames[] = {"good",      "asymmetric", "late",
                                  "duplicate", "not-ours",   "malformed"};

// splitmix64: no hash of cryptography, but who does not see the requests cannot guess it.
uint64_t mix(uint64_t v) {
  v += 0x9e3779b97f4a7c15u;
  v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
  v = (v ^ v >> 27) * 0x94d049bb133111ebu;
  return v ^ v >> 31;
}

uint64_t base_sum(const EchoSettings& s, bool v6, uint32_t octets) {
  return v6 ? wire::pseudo_header(s.source, s.destination, wire::kProtocolIcmp6, octets) : 0;
}

void write_ip(const EchoSettings& s, uint32_t octets, wire::Writer& w) {
  if (s.source.is_v4()) {
    w.u8(0x45);
    w.u8(kInternetControl);
    w.u16(static_cast<uint16_t>(wire::kIp4Header + octets));
    w.u32(0x4000);  // not to be fragmented, so no identification
    w.u8(kHops);
    w.u8(wire::kProtocolIcmp);
    w.u16(0);
  } else {
    w.u32(0x60000000u | uint32_t{kInternetControl} << 20);
    w.u16(static_cast<uint16_t>(octets));
    w.u8(wire::kProtocolIcmp6);
    w.u8(kHops);
  }
  w.put(s.source.bytes());
  w.put(s.destination.bytes());
}

// The ICMP message of an echo reply from `destination` to `source`; empty: it is none.
wire::Bytes reply_of(const EchoSettings& s, wire::Bytes packet, Answer& why) {
  const bool v4 = s.source.is_v4();
  const uint32_t header = v4 ? wire::kIp4Header : wire::kIp6Header;
  why = Answer::kMalformed;
  if (packet.size() < header || packet[0] >> 4 != (v4 ? 4 : 6)) return {};
  // Who is written with options or extension headers did not answer us.
  const uint8_t protocol = packet[v4 ? wire::ip4::kProtocol : wire::ip6::kNextHeader];
  if ((v4 && packet[0] != 0x45) || protocol != (v4 ? wire::kProtocolIcmp : wire::kProtocolIcmp6))
    return {};
  const uint32_t length = v4 ? load_be<uint16_t>(&packet[wire::ip4::kTotalLength])
                             : header + load_be<uint16_t>(&packet[wire::ip6::kPayloadLength]);
  if (length > packet.size() || length < header) return {};
  const std::size_t from = v4 ? wire::ip4::kSource : wire::ip6::kSource;
  const uint8_t size = s.source.size();
  why = Answer::kNotOurs;
  if (std::memcmp(&packet[from], s.destination.octets.data(), size) != 0) return {};
  if (std::memcmp(&packet[from + size], s.source.octets.data(), size) != 0) return {};
  return packet.subspan(header, length - header);
}

bool checksum_is_right(const EchoSettings& s, wire::Bytes icmp) {
  const auto octets = static_cast<uint32_t>(icmp.size());
  // The pseudo header's addresses are the other way round, their sum is the same.
  const uint64_t sum = base_sum(s, !s.source.is_v4(), octets);
  return wire::checksum_finish(wire::checksum_add(sum, icmp)) == 0;
}

}  // namespace

const char* to_string(Answer a) {
  return kNames[static_cast<std::size_t>(a)];
}

EchoProbe::EchoProbe(const EchoSettings& settings, uint64_t secret)
    : settings_(settings), secret_(secret) {
  assert(settings.source.family == settings.destination.family);
  assert(settings.interval_us != 0);
  settings_.timeout_us = std::min(settings.timeout_us, settings.interval_us);
}

uint64_t EchoProbe::token(uint16_t number) const {
  return mix(secret_ ^ mix(uint64_t{settings_.identifier} << 16 | number));
}

uint32_t EchoProbe::transmit(uint64_t now_us, wire::MutableBytes room) {
  if (waiting_ || now_us < next_us_) return 0;
  constexpr uint32_t kIcmp = kIcmpHeader + kPayload;
  const bool v4 = settings_.source.is_v4();
  const uint32_t header = v4 ? wire::kIp4Header : wire::kIp6Header;
  const auto number = static_cast<uint16_t>(number_ + 1);
  wire::Writer w(room);
  write_ip(settings_, kIcmp, w);
  w.u8(v4 ? kRequest4 : kRequest6);
  w.u8(0);
  w.u16(0);
  w.u16(settings_.identifier);
  w.u16(number);
  w.u64(token(number));
  w.u64(number);
  if (!w.ok()) return 0;
  const uint16_t icmp = wire::checksum_finish(
      wire::checksum_add(base_sum(settings_, !v4, kIcmp), room.subspan(header, kIcmp)));
  std::memcpy(&room[header + 2], &icmp, sizeof icmp);
  if (v4) {
    const uint16_t ip = wire::checksum(room.first(header));
    std::memcpy(&room[wire::ip4::kChecksum], &ip, sizeof ip);
  }
  number_ = number;
  waiting_ = true;
  excused_ = false;
  sent_us_ = now_us;
  // From the time it was due, unless that is long ago: who comes a little late makes up for it.
  const uint64_t due = next_us_ + settings_.interval_us > now_us ? next_us_ : now_us;
  next_us_ = std::max(due + settings_.interval_us, now_us + settings_.timeout_us);
  ++counters_.sent;
  return static_cast<uint32_t>(w.size());
}

// Is it an answer to a request of ours, and to which?
Answer EchoProbe::judge(wire::Bytes packet, uint16_t& number) const {
  Answer why = Answer::kMalformed;
  const wire::Bytes icmp = reply_of(settings_, packet, why);
  if (icmp.empty()) return why;
  if (!checksum_is_right(settings_, icmp)) return Answer::kMalformed;
  wire::Reader r(icmp);
  const uint8_t type = r.u8(), code = r.u8();
  r.skip(2);
  const uint16_t identifier = r.u16();
  number = r.u16();
  const uint64_t given = r.u64();
  if (!r.ok() || code != 0 || type != (settings_.source.is_v4() ? kReply4 : kReply6))
    return Answer::kMalformed;
  return identifier == settings_.identifier && given == token(number) ? Answer::kGood
                                                                      : Answer::kNotOurs;
}

Answer EchoProbe::settle(uint64_t now_us, uint16_t number, uint32_t tunnel_in) {
  if (number != number_) return Answer::kLate;
  if (!waiting_)
    return now_us < sent_us_ + settings_.timeout_us ? Answer::kDuplicate : Answer::kLate;
  if (tunnel_in != settings_.tunnel) {
    asymmetric_ = excused_ = true;
    other_tunnel_ = tunnel_in;
    return Answer::kAsymmetric;
  }
  waiting_ = false;
  asymmetric_ = false;
  round_trip_us_ = std::max<uint64_t>(now_us - sent_us_, 1);
  return Answer::kGood;
}

Answer EchoProbe::receive(uint64_t now_us, wire::Bytes packet, uint32_t tunnel_in) {
  uint16_t number = 0;
  Answer answer = judge(packet, number);
  if (answer == Answer::kGood) answer = settle(now_us, number, tunnel_in);
  uint64_t& counter = answer == Answer::kGood         ? counters_.good
                      : answer == Answer::kAsymmetric ? counters_.asymmetric
                      : answer == Answer::kLate       ? counters_.late
                                                      : counters_.refused;
  ++counter;
  return answer;
}

bool EchoProbe::expire(uint64_t now_us) {
  if (!waiting_ || now_us < sent_us_ + settings_.timeout_us) return false;
  waiting_ = false;
  if (excused_) return false;
  asymmetric_ = false;
  ++counters_.lost;
  return true;
}

uint64_t EchoProbe::next_due() const {
  return waiting_ ? sent_us_ + settings_.timeout_us : next_us_;
}

}  // namespace kanmon::liveness
