// What anybody outside can send to an underlay's port before anything of it is authentic: frames
// through classify and reassembly, and ICMP about the size of packets (ESP-22, ESP-31).
//
// Input: frames, each behind its length in two octets; the high bit of the length lets time pass.
#include <algorithm>
#include <cstdlib>

#include "control/publish/too_big.h"
#include "dataplane/classify/classify.h"
#include "dataplane/reassembly/reassembly.h"
#include "dataplane/reassembly/table.h"
#include "dataplane/wire/reader.h"
#include "tests/support/stage_bed.h"

namespace kanmon {
namespace {

constexpr uint32_t kPieces = 64;
constexpr uint64_t kTimeout = 8;

void require(bool holds) {
  if (!holds) std::abort();
}

// Takes what came through out; how many that were.
std::size_t take_all(Lanes& lanes) {
  std::size_t n = 0;
  for (PacketVector* lane : {&lanes.esp, &lanes.fragments, &lanes.route, &lanes.punt})
    n += test::take_out(*lane).size();
  return n;
}

void give(test::StageBed& bed, wire::Bytes frame) {
  Packet* p = bed.packet({frame.begin(), frame.end()});
  classify::run(bed.context(), test::StageBed::kUnderlayPort, &p, 1);
  reassembly::run(bed.context());
}

void look_at_message(wire::Bytes packet) {
  const auto message = publish::parse_too_big(packet);
  if (!message.ok()) return;
  for (const uint16_t now : {576, 1280, 1500, 9216})
    require(publish::believed_mtu(*message, now) <= now &&
            publish::believed_mtu(*message, now) >= 576);
}

}  // namespace
}  // namespace kanmon

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace kanmon;
  look_at_message({input, size});
  static test::StageBed bed;
  const uint32_t before = bed.packets_out();
  const uint64_t dropped = bed.dropped_in_all();
  reassembly::Table table(7, {kPieces, kTimeout});
  bed.context().reassembly = &table;
  std::size_t given = 0, out = 0;
  wire::Reader r({input, size});
  while (!r.done()) {
    const uint16_t head = r.u16();
    const wire::Bytes frame = r.take(std::min<std::size_t>(head & 0x7ff, r.left()));
    if (!r.ok()) break;
    if ((head & 0x8000) != 0) bed.context().now_tsc += kTimeout / 2;
    give(bed, frame);
    ++given;
    out += take_all(bed.lanes());
    require(table.held() <= kPieces);
  }
  table.clear(bed.context(), Drop::kStopped);
  require(given == out + bed.dropped_in_all() - dropped);
  require(bed.packets_out() == before);
  return 0;
}
