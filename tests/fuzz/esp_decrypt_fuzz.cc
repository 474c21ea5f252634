// What an authentic peer may send: the input is the plaintext, sealed here under the SA's own key,
// so that it reaches everything behind the integrity check (ESP-09, ESP-10).
//
// Octet 0: bit 0 IPv6 outside, bit 1 UDP, bit 2 narrow selectors. Octet 1: outer traffic class.
// The rest: text with padding and trailer, cut to a multiple of four.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>

#include <rte_eal.h>
#include <rte_mempool.h>

#include "dataplane/crypto/engine.h"
#include "dataplane/decrypt/decrypt.h"
#include "dataplane/esp/esp_wire.h"
#include "dataplane/packet/packet.h"
#include "dataplane/sa/inbound_sa.h"
#include "dataplane/wire/headers.h"

namespace kanmon {
namespace {

constexpr uint32_t kMaxText = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

rte_mempool* make_pool() {
  const char* args[] = {"fuzz", "--no-shconf", "--no-huge",      "-m",
                        "64",   "--no-pci",    "--no-telemetry", "-l",
                        "0",    "--log-level", "lib.eal:error"};
  require(rte_eal_init(static_cast<int>(std::size(args)), const_cast<char**>(args)) >= 0);
  return rte_pktmbuf_pool_create("fuzz", 63, 0, kPacketPrivateSize, kMaxText + 512, 0);
}

// One worker with an SA per setting of the three bits.
struct World {
  World() {
    context.tables = &tables;
    context.counters = &counters;
    context.lanes = lanes.get();
    context.crypto = engine.get();
    context.events = &events;
    context.pool = make_pool();
    require(engine != nullptr && context.pool != nullptr);
    for (uint32_t i = 0; i < 8; ++i) add(i);
  }
  void add(uint32_t i) {
    const uint8_t keymat[20] = {1, 2, 3};
    sa::Selector sides[2];
    sides[0] = sa::Selector::of(*wire::Prefix::parse((i & 4) != 0 ? "10.0.0.0/8" : "0.0.0.0/0"));
    sides[1] = sa::Selector::of(*wire::Prefix::parse("::/0"));
    if ((i & 4) != 0) sides[1].protocol = 6, sides[1].port_start = sides[1].port_end = 80;
    sa::InboundParams p;
    p.spi = 0x1000 + i;
    p.algorithm = esp::Algorithm::kAes128Gcm16;
    p.keymat = keymat;
    p.udp_encapsulation = (i & 2) != 0;
    p.local = *wire::IpAddress::parse((i & 1) != 0 ? "2001:db8::2" : "192.0.2.2");
    p.local_ts = p.remote_ts = sides;
    sas[i] = sa::make_inbound(p);
    require(sas[i] != nullptr);
    tables.inbound_sas[sa::slot(p.spi)] = sas[i];
  }

  Tables tables{Tables::Capacity{1, 1}};
  WorkerCounters counters;
  EventQueue events;
  std::unique_ptr<Lanes> lanes = std::make_unique<Lanes>();
  std::unique_ptr<crypto::Engine> engine = crypto::Engine::create();
  Context context;
  sa::InboundSa* sas[8] = {};
  uint64_t sequence = 0;
};

uint64_t drops(const World& w) {
  uint64_t n = 0;
  for (const Counter& c : w.counters.drops) n += c.get();
  return n;
}

// The outer packet in `p`, its text sealed; returns where the text begins.
uint8_t* build(World& w, Packet* p, uint32_t which, uint8_t outer_class, const uint8_t* text,
               uint32_t bytes) {
  const sa::InboundSa& sa = *w.sas[which];
  const bool v6 = (which & 1) != 0, udp = (which & 2) != 0;
  Meta& m = meta(p);
  m = Meta{};
  m.udp_encap = udp ? 1 : 0;
  m.src_udp_port = 4500;
  m.l4_offset = static_cast<uint16_t>((v6 ? 40 : 20) + (udp ? 8 : 0));
  m.outer_length = static_cast<uint16_t>(8 + 8 + bytes + 16);
  uint8_t* ip = reinterpret_cast<uint8_t*>(
      rte_pktmbuf_append(p, static_cast<uint16_t>(m.l4_offset + m.outer_length)));
  std::memset(ip, 0, m.l4_offset);
  if (v6) {
    store_be(ip, uint32_t{6} << 28 | uint32_t{outer_class} << 20);
    ip[wire::ip6::kSource] = 0x20;
    std::memcpy(ip + wire::ip6::kDestination, sa.local.data(), 16);
    std::memcpy(ip + wire::ip6::kSource, sa.local.data(), 16);
    ip[wire::ip6::kSource + 15] ^= 1;
  } else {
    ip[0] = 0x45;
    ip[1] = outer_class;
    ip[wire::ip4::kSource] = 192;
    std::memcpy(ip + wire::ip4::kDestination, sa.local.data(), 4);
    std::memcpy(ip + wire::ip4::kSource, sa.local.data(), 4);
    ip[wire::ip4::kSource + 3] ^= 1;
  }
  uint8_t* esp = ip + m.l4_offset;
  const uint64_t sequence = ++w.sequence;
  esp::write_header(esp, {sa.spi, static_cast<uint32_t>(sequence)});
  store_be(esp + 8, sequence);
  std::memcpy(esp + 16, text, bytes);
  crypto::Job j = {};
  j.key = &sa.key;
  j.text = esp + 16;
  j.length = bytes;
  j.algorithm = sa.algorithm;
  j.aad_bytes = esp::write_aad(j.aad, sa.spi, sequence, false);
  std::memcpy(j.nonce, &sa.salt, 4);
  store_be(j.nonce + 4, sequence);
  w.engine->seal(&j, 1);
  return esp + 16;
}

// An ICMP error may come from any router on the way: what it quotes is what is judged (RFC 4301
// section 6.2).
bool is_icmp_error(const uint8_t* ip, uint32_t bytes) {
  const uint32_t header = (ip[0] & 15u) * 4;
  if (ip[9] != 1 || bytes <= header) return false;
  const uint8_t type = ip[header];
  return type == 3 || type == 4 || type == 11 || type == 12;
}

void check(const uint8_t* text, Packet* out, uint32_t bytes, bool narrow) {
  const uint8_t* h = data(out);
  require(h == text);
  require(length(out) == first_length(out) && length(out) + 2 <= bytes);
  const bool v4 = h[0] >> 4 == 4;
  require(v4 || h[0] >> 4 == 6);
  require(length(out) == (v4 ? load_be<uint16_t>(h + 2) : 40u + load_be<uint16_t>(h + 4)));
  if (v4 && narrow) require(h[16] == 10 && (h[12] == 10 || is_icmp_error(h, length(out))));
}

}  // namespace
}  // namespace kanmon

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace kanmon;
  static World& w = *new World;
  if (size < 6 || size - 2 > kMaxText) return 0;
  const auto bytes = static_cast<uint32_t>((size - 2) / 4 * 4);
  const uint32_t which = input[0] & 7;
  Packet* p = rte_pktmbuf_alloc(w.context.pool);
  require(p != nullptr);
  const uint8_t* text = build(w, p, which, input[1], input + 2, bytes);
  const uint64_t before = drops(w);
  w.lanes->esp.push(p);
  decrypt::run(w.context);
  // One packet in: one out or one drop, and the window has moved in either case (ESP-41).
  require(w.lanes->route.count + (drops(w) - before) == 1 && w.lanes->esp.count == 0);
  if (w.lanes->route.count == 1) {
    check(text, w.lanes->route.slots[0], bytes, (which & 4) != 0);
    rte_pktmbuf_free(w.lanes->route.slots[0]);
    w.lanes->route.clear();
  }
  require(rte_mempool_in_use_count(w.context.pool) == 0);
  require(w.sas[which]->window.top() == w.sequence);
  return 0;
}
