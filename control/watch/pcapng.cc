#include "control/watch/pcapng.h"

#include <algorithm>

namespace kanmon::watch::pcapng {
namespace {

enum BlockType : uint32_t { kSection = 0x0a0d0d0a, kInterface = 1, kStatistics = 5, kEnhanced = 6 };
enum OptionCode : uint16_t {
  kComment = 1,
  kEpbFlags = 2,
  kIfName = 2,
  kIfTimeResolution = 9,
  kShbApplication = 4,
  kIsbDrops = 5,
};
constexpr uint8_t kNanoseconds = 9;  // the power of ten a time is counted in
constexpr std::size_t kMaxText = 4096;

template <class T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

void pad(std::string& out, std::size_t length) {
  out.append((4 - length % 4) % 4, '\0');
}

void option(std::string& out, uint16_t code, std::string_view value) {
  value = value.substr(0, kMaxText);
  put<uint16_t>(out, code);
  put<uint16_t>(out, static_cast<uint16_t>(value.size()));
  out += value;
  pad(out, value.size());
}

template <class T>
void option_number(std::string& out, uint16_t code, T value) {
  std::string octets;
  put<T>(octets, value);
  option(out, code, octets);
}

void time(std::string& out, uint64_t ns) {
  put<uint32_t>(out, static_cast<uint32_t>(ns >> 32));
  put<uint32_t>(out, static_cast<uint32_t>(ns));
}

// Type, length, body, options' end, length again.
void block(std::string& out, uint32_t type, std::string body, bool has_options) {
  if (has_options) put<uint32_t>(body, 0);
  const auto length = static_cast<uint32_t>(body.size() + 12);
  put<uint32_t>(out, type);
  put<uint32_t>(out, length);
  out += body;
  put<uint32_t>(out, length);
}

}  // namespace

void begin(std::string& out, std::string_view application) {
  std::string body;
  put<uint32_t>(body, 0x1a2b3c4d);  // says the order of octets
  put<uint16_t>(body, 1);           // version 1.0
  put<uint16_t>(body, 0);
  put<uint64_t>(body, ~uint64_t{0});  // the section's length is not said
  option(body, kShbApplication, application);
  block(out, kSection, std::move(body), true);
}

void interface(std::string& out, Link link, uint32_t snap, std::string_view name) {
  std::string body;
  put<uint16_t>(body, static_cast<uint16_t>(link));
  put<uint16_t>(body, 0);
  put<uint32_t>(body, snap);
  option(body, kIfName, name);
  option_number<uint8_t>(body, kIfTimeResolution, kNanoseconds);
  block(out, kInterface, std::move(body), true);
}

void packet(std::string& out, const Packet& p) {
  std::string body;
  put<uint32_t>(body, p.interface);
  time(body, p.time_ns);
  put<uint32_t>(body, static_cast<uint32_t>(p.octets.size()));
  put<uint32_t>(body, p.length);
  body.append(reinterpret_cast<const char*>(p.octets.data()), p.octets.size());
  pad(body, p.octets.size());
  if (p.direction != Direction::kUnknown)
    option_number<uint32_t>(body, kEpbFlags, static_cast<uint32_t>(p.direction));
  if (!p.comment.empty()) option(body, kComment, p.comment);
  block(out, kEnhanced, std::move(body), p.direction != Direction::kUnknown || !p.comment.empty());
}

void statistics(std::string& out, uint32_t interface, uint64_t time_ns, uint64_t lost) {
  std::string body;
  put<uint32_t>(body, interface);
  time(body, time_ns);
  option_number<uint64_t>(body, kIsbDrops, lost);
  block(out, kStatistics, std::move(body), true);
}

}  // namespace kanmon::watch::pcapng
