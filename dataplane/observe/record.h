// What a worker tells control about one packet at one point of its way. Fixed size, copied by
// value.
#pragma once

#include <cstdint>
#include <type_traits>

#include "dataplane/fib/next_hop.h"
#include "dataplane/observe/flow.h"
#include "dataplane/packet/packet.h"
#include "dataplane/worker/drops.h"

namespace kanmon::observe {

// The part of a worker's turn that was just over. The first ones are the stages, by their numbers.
enum class Step : uint8_t {
  kRx = static_cast<uint8_t>(Stage::kRx),
  kClassify = static_cast<uint8_t>(Stage::kClassify),
  kDecrypt = static_cast<uint8_t>(Stage::kDecrypt),
  kRoute = static_cast<uint8_t>(Stage::kRoute),
  kLocal = static_cast<uint8_t>(Stage::kLocal),
  kEncrypt = static_cast<uint8_t>(Stage::kEncrypt),
  kTx = static_cast<uint8_t>(Stage::kTx),
  kPunt = static_cast<uint8_t>(Stage::kPunt),
  kTakenIn,  // from control or another worker
};
inline constexpr std::size_t kSteps = kStageCount + 1;

// Where the packet was found after that.
enum class Lane : uint8_t {
  kNowhere,
  kReceived,  // not classified yet
  kToDecrypt,
  kToRoute,
  kToLocal,
  kToEncrypt,
  kToControl,  // Record::punt says why
  kToWorker,   // Record::to_worker
  kToPort,     // Record::port
  kSent,       // taken by Record::port
  kDropped,    // Record::drop says why
};
inline constexpr std::size_t kLanes = 11;

struct Record {
  uint64_t tsc;
  uint32_t number;  // of the packet in this session, from 1
  uint16_t worker;
  Step step;
  Lane lane;
  Drop drop;
  uint16_t port;   // kReceived: it came by; kToPort, kSent: it leaves by; else kNoPort
  uint16_t table;  // it is or was looked up in
  uint16_t to_worker;
  Punt punt;
  bool is_ip;         // `flow` is set
  bool from_control;  // made by the gateway itself
  bool is_decision;   // next_hop was set by the step that is over
  uint32_t length;    // octets of the packet; of the frame for kReceived, kToPort, kSent
  fib::NextHop next_hop;
  uint32_t adjacency;  // kToPort
  // The SA of the step: decrypted with (kDecrypt), sealed with (kEncrypt). spi 0: none
  uint32_t tunnel;
  uint32_t spi;
  uint64_t sequence;
  Flow flow;  // of the packet as it is now
};
static_assert(std::is_trivially_copyable_v<Record>);

}  // namespace kanmon::observe
