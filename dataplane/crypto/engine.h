// The AEADs of ESP, as bursts of jobs worked off in place. One Engine per worker; it holds no key.
//
// Behind it is IPsec-MB through its direct GCM calls (RFC 4106). Each call of that library writes a
// process-wide error word, which would bounce between cores; an Engine therefore calls a private
// copy of the library where the system allows it (see private_library.h).
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/common/cacheline.h"
#include "dataplane/common/result.h"
#include "dataplane/crypto/key.h"
#include "dataplane/esp/algorithm.h"
#include "dataplane/wire/bytes.h"

struct gcm_key_data;      // IPsec-MB's
struct gcm_context_data;  // IPsec-MB's

namespace kanmon::crypto {

// Instruction sets IPsec-MB has code for, in rising order. Expanded keys of one do not fit another:
// a process uses one for all its engines, chosen by choose_isa().
enum class Isa : uint8_t { kAuto, kSse, kAvx, kAvx2, kAvx512 };
const char* to_string(Isa isa);

// The instruction set of every Engine and key made from now on; kAuto (the default) is the best
// this machine has. Call it once, before the first Engine or SA is made.
void choose_isa(Isa isa);

inline constexpr uint32_t kMaxJobs = 64;
inline constexpr uint32_t kTagBytes = 16;

// One packet's worth of work: `length` octets at `text` in place, the tag right behind them.
struct alignas(kCacheLine) Job {
  const Key* key;
  uint8_t* text;
  uint64_t reserved;
  uint32_t length;
  uint16_t aad_bytes;  // 8 or 12
  esp::Algorithm algorithm;
  bool authentic;     // set by open()
  uint8_t nonce[16];  // salt, IV; 12 are used
  uint8_t aad[16];    // SPI, sequence number; aad_bytes are used
};
static_assert(sizeof(Job) == kCacheLine);

class Engine {
 public:
  // Null if this machine or the library lacks the instruction set. kAuto: what choose_isa() said.
  // `private_copy`: see above; without one (or where it fails) the linked library is used.
  static std::unique_ptr<Engine> create(Isa isa = Isa::kAuto, bool private_copy = false);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Expands `key` (info(algorithm).encr_key_bytes octets, without salt); kBadLength otherwise.
  Status expand(esp::Algorithm algorithm, wire::Bytes key, Key& out) const;

  // Encrypts each text and writes kTagBytes of tag behind it. REQUIRES: count <= kMaxJobs.
  void seal(Job* jobs, uint32_t count);
  // Decrypts each text and says in `authentic` whether the tag behind it is right. The text is
  // overwritten either way and must not be looked at unless it is.
  void open(Job* jobs, uint32_t count);

  // Room for the jobs of the burst at hand, for the worker that owns this engine.
  Job* jobs() { return jobs_; }
  Isa isa() const { return isa_; }
  bool has_private_copy() const { return private_copy_; }

 private:
  using Gcm = void (*)(const gcm_key_data*, gcm_context_data*, uint8_t*, const uint8_t*, uint64_t,
                       const uint8_t*, const uint8_t*, uint64_t, uint8_t*, uint64_t);
  using Expand = void (*)(const void*, gcm_key_data*);
  struct Library;  // what must live as long as the pointers below

  Engine();

  Gcm seal_[2] = {};       // by esp::Algorithm
  Gcm open_[2] = {};       // by esp::Algorithm
  Expand expand_[2] = {};  // by esp::Algorithm
  Isa isa_ = Isa::kAuto;
  bool private_copy_ = false;
  std::unique_ptr<Library> library_;
  alignas(kCacheLine) uint8_t context_[128] = {};  // gcm_context_data of the call at hand
  Job jobs_[kMaxJobs] = {};
};

// Expands a key for the engines of this process (see choose_isa). Errors: kBadLength, kSystem.
Status expand(esp::Algorithm algorithm, wire::Bytes key, Key& out);

// Known answers of every algorithm in both directions, and that a changed tag, text or AAD is
// refused. A gateway whose engine fails this must not start (fail closed). Takes well below 1 ms.
bool self_test(Engine& engine);

}  // namespace kanmon::crypto
