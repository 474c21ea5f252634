// The cryptography of ESP, as bursts of jobs worked off in place. One Engine per worker; it holds
// no key.
//
// Behind it is IPsec-MB, by whichever of its ways is the fastest for a packet (see Backend). Its
// calls write a process-wide error word, which would bounce between cores; an Engine therefore
// calls a private copy of the library where the system allows it (see private_library.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/result.h"
#include "dataplane/crypto/backend.h"
#include "dataplane/crypto/key.h"
#include "dataplane/esp/algorithm.h"
#include "dataplane/wire/bytes.h"

struct gcm_key_data;      // IPsec-MB's
struct gcm_context_data;  // IPsec-MB's

namespace kanmon::crypto {

class Library;
class HmacBurst;
class AeadJobs;
struct Plan;

// The instruction set of every Engine and key made from now on; kAuto (the default) is the best
// this machine has. Call it once, before the first Engine or SA is made.
void choose_isa(Isa isa);

// Like choose_isa(), for the back end of Engines made from now on.
void choose_backend(Backend backend);

inline constexpr uint32_t kMaxJobs = 64;
inline constexpr uint32_t kTagBytes = 16;  // of AEADs

// One packet's worth of work: `length` octets at `text` in place, the ICV right behind them. For
// algorithms that are no AEAD, ESP header and IV stand right in front of `text` as on the wire; the
// IV of CBC is seal()'s to write.
struct alignas(kCacheLine) Job {
  const Key* key;
  uint8_t* text;
  uint64_t reserved;
  uint32_t length;
  uint16_t aad_bytes;  // 8, or with extended sequence numbers 12
  esp::Algorithm algorithm;
  bool authentic;     // set by open()
  uint8_t nonce[16];  // salt, IV; 12 are used
  uint8_t aad[16];    // SPI, sequence number; aad_bytes are used
};
static_assert(sizeof(Job) == kCacheLine);

class Engine {
 public:
  // Null if this machine or the library lacks the instruction set. kAuto: what choose_isa() and
  // choose_backend() said.
  // `private_copy`: see above; without one (or where it fails) the linked library is used.
  static std::unique_ptr<Engine> create(Isa isa = Isa::kAuto, bool private_copy = false,
                                        Backend backend = Backend::kAuto);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Expands `key` (info(algorithm).key_bytes() octets: KEYMAT without salt); kBadLength otherwise.
  // One thread at a time.
  Status expand(esp::Algorithm algorithm, wire::Bytes key, Key& out) const;

  // Encrypts each text and writes its ICV behind it. REQUIRES: count <= kMaxJobs.
  void seal(Job* jobs, uint32_t count);
  // Decrypts each text and says in `authentic` whether the ICV behind it is right. Text and ICV may
  // be overwritten either way and must not be looked at unless it is.
  void open(Job* jobs, uint32_t count);

  // Room for the jobs of the burst at hand, for the worker that owns this engine.
  Job* jobs() { return jobs_; }
  Isa isa() const { return isa_; }
  bool has_private_copy() const;
  // What is used for what: "gcm direct; sha2-256 avx512 from 8 packets, else sse; …".
  std::string describe() const;

 private:
  using Gcm = void (*)(const gcm_key_data*, gcm_context_data*, uint8_t*, const uint8_t*, uint64_t,
                       const uint8_t*, const uint8_t*, uint64_t, uint8_t*, uint64_t);
  enum class Direction : uint8_t { kSeal, kOpen };

  Engine();
  void prefetch_key(const Job& j) const;
  void prefetch_first_keys(const Job* jobs, uint32_t count) const;
  void prefetch_key_ahead(const Job* jobs, uint32_t i, uint32_t count) const;
  template <Direction direction>
  void run_rest(Job* jobs, uint32_t count);
  template <Direction direction>
  void run_group(Job* const* group, uint32_t count);

  // By esp::Algorithm; null where packets wait for each other (run_rest).
  Gcm seal_[esp::kAlgorithmCount] = {};
  Gcm open_[esp::kAlgorithmCount] = {};
  Isa isa_ = Isa::kAuto;
  bool has_many_powers_ = false;    // of the hash key, in a GCM key
  uint8_t waiting_[kMaxJobs] = {};  // indices of the jobs of the burst at hand that do
  const Plan* plan_ = nullptr;
  std::unique_ptr<Library> library_;  // what the pointers above lead into
  std::unique_ptr<HmacBurst> hmac_;
  std::unique_ptr<AeadJobs> aead_;
  alignas(kCacheLine) uint8_t context_[128] = {};  // gcm_context_data of the call at hand
  Job jobs_[kMaxJobs] = {};
};

// Expands a key for the engines of this process (see choose_isa). Any thread of control's. Errors:
// kBadLength, kSystem.
Status expand(esp::Algorithm algorithm, wire::Bytes key, Key& out);

// Known answers of every algorithm in both directions, alone and in a burst, by every back end this
// engine may use, and that a changed ICV, text, header or number is refused. A gateway whose engine
// fails this must not start (fail closed); `failed`, if given, then has the name of the algorithm.
// Takes a few milliseconds.
bool self_test(Engine& engine, const char** failed = nullptr);

}  // namespace kanmon::crypto
