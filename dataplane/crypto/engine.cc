#include "dataplane/crypto/engine.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include <intel-ipsec-mb.h>

#include "dataplane/common/prefetch.h"
#include "dataplane/crypto/aead_jobs.h"
#include "dataplane/crypto/hmac_burst.h"
#include "dataplane/crypto/library.h"
#include "dataplane/crypto/plan.h"
#include "dataplane/crypto/same_tag.h"
#include "dataplane/crypto/secure_slab.h"

namespace kanmon::crypto {

static_assert(sizeof(gcm_key_data) <= Key::kExpandedBytes && alignof(gcm_key_data) <= alignof(Key));
static_assert(kTagBytes == IMB_MAX_TAG_LEN);
static_assert(kMaxJobs <= IMB_MAX_BURST_SIZE);

namespace {

using esp::Algorithm;

std::atomic<Isa> g_isa{Isa::kAuto};
std::atomic<Backend> g_backend{Backend::kAuto};

// Jobs ahead of the one at hand whose keys are asked for: the shortest take together about as long
// as a line takes from the third level of cache.
constexpr uint32_t kKeysAhead = 4;

const gcm_key_data* gcm_key(const Job& j) {
  return reinterpret_cast<const gcm_key_data*>(j.key->expanded);
}

// Of an expanded GCM key, where what a cipher reads lies: the round keys, and as many powers of the
// hash key as the text has blocks, from the back.
constexpr uint32_t kRoundKeyBytes[] = {11 * 16, 15 * 16};  // AES-128, AES-256
constexpr uint32_t kPowersEnd = offsetof(gcm_key_data, ghash_keys) + 48 * 16;
constexpr uint32_t kFewPowersEnd = offsetof(gcm_key_data, ghash_keys) + 16 * 16;

// The code for 512 bits keeps 48 powers, all other code no more than 16.
bool has_many_powers(const Library& library) {
  constexpr uint64_t kWide = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
  return library.isa() == Isa::kAvx512 && (library.wide()->features & kWide) == kWide;
}

constexpr std::size_t index(Algorithm a) {
  return static_cast<std::size_t>(a);
}

}  // namespace

const char* to_string(Backend backend) {
  constexpr const char* kNames[] = {"auto", "direct", "burst"};
  return kNames[static_cast<uint8_t>(backend)];
}

void choose_isa(Isa isa) {
  g_isa.store(isa, std::memory_order_relaxed);
}

void choose_backend(Backend backend) {
  g_backend.store(backend, std::memory_order_relaxed);
}

Engine::Engine() = default;

Engine::~Engine() {
  wipe(context_, sizeof context_);
  wipe(jobs_, sizeof jobs_);
}

std::unique_ptr<Engine> Engine::create(Isa isa, bool private_copy, Backend backend) {
  static_assert(sizeof context_ >= sizeof(gcm_context_data));
  auto library = Library::load(isa != Isa::kAuto ? isa : g_isa.load(), private_copy);
  if (library == nullptr) return nullptr;
  auto engine = std::unique_ptr<Engine>(new Engine);
  engine->isa_ = library->isa();
  engine->plan_ = &plan_for(*library, backend != Backend::kAuto ? backend : g_backend.load());
  if (const IMB_MGR* m = library->wide(); !engine->plan_->gcm_by_jobs) {
    for (const Algorithm a : {Algorithm::kAes128Gcm16, Algorithm::kAes128Gcm16Iiv}) {
      engine->seal_[index(a)] = m->gcm128_enc;
      engine->open_[index(a)] = m->gcm128_dec;
    }
    for (const Algorithm a : {Algorithm::kAes256Gcm16, Algorithm::kAes256Gcm16Iiv}) {
      engine->seal_[index(a)] = m->gcm256_enc;
      engine->open_[index(a)] = m->gcm256_dec;
    }
  }
  engine->has_many_powers_ = has_many_powers(*library);
  engine->library_ = std::move(library);
  engine->hmac_ = std::make_unique<HmacBurst>();
  engine->aead_ = std::make_unique<AeadJobs>();
  return engine;
}

bool Engine::has_private_copy() const {
  return library_->is_private();
}

Status Engine::expand(Algorithm algorithm, wire::Bytes key, Key& out) const {
  const esp::AlgorithmInfo& a = esp::info(algorithm);
  if (key.size() != a.key_bytes()) return Errc::kBadLength;
  std::memset(&out, 0, sizeof out);
  IMB_MGR* m = library_->wide();
  if (!a.is_aead()) {
    expand_hmac(m, algorithm, key, *reinterpret_cast<HmacKey*>(out.expanded));
  } else if (a.is_chacha20()) {
    std::memcpy(out.expanded, key.data(), key.size());
  } else {
    const auto expand = a.encr_key_bytes == 16 ? m->gcm128_pre : m->gcm256_pre;
    expand(key.data(), reinterpret_cast<gcm_key_data*>(out.expanded));
  }
  return library_->last_error() == 0 ? success() : Status(Errc::kSystem);
}

// Brings in what the cipher will read of the key of a job.
void Engine::prefetch_key(const Job& j) const {
  const uint8_t* key = j.key->expanded;
  const bool is_long =
      j.algorithm == Algorithm::kAes256Gcm16 || j.algorithm == Algorithm::kAes256Gcm16Iiv;
  const uint32_t front = kRoundKeyBytes[is_long];
  uint32_t from = sizeof(gcm_key_data::expanded_keys), end = kFewPowersEnd;
  if (has_many_powers_) {
    const uint32_t powers = std::min((j.length + 15) / 16 + 1, 48u);
    from = kPowersEnd - powers * 16;
    end = kPowersEnd;
  }
  for (uint32_t at = 0; at < front; at += kCacheLine) prefetch_line(key + at);
  for (uint32_t at = from / kCacheLine * kCacheLine; at < end; at += kCacheLine)
    prefetch_line(key + at);
}

void Engine::prefetch_first_keys(const Job* jobs, uint32_t count) const {
  for (uint32_t i = 0; i < std::min(count, kKeysAhead); ++i)
    if (i == 0 || jobs[i].key != jobs[i - 1].key) prefetch_key(jobs[i]);
}

void Engine::prefetch_key_ahead(const Job* jobs, uint32_t i, uint32_t count) const {
  const uint32_t ahead = i + kKeysAhead;
  if (ahead < count && jobs[ahead].key != jobs[ahead - 1].key) prefetch_key(jobs[ahead]);
}

void Engine::seal(Job* jobs, uint32_t count) {
  auto* context = reinterpret_cast<gcm_context_data*>(context_);
  uint32_t waiting = 0;
  prefetch_first_keys(jobs, count);
  for (uint32_t i = 0; i < count; ++i) {
    const Job& j = jobs[i];
    const Gcm gcm = seal_[index(j.algorithm)];
    if (gcm == nullptr) [[unlikely]] {
      waiting_[waiting++] = static_cast<uint8_t>(i);
      continue;
    }
    prefetch_key_ahead(jobs, i, count);
    gcm(gcm_key(j), context, j.text, j.text, j.length, j.nonce, j.aad, j.aad_bytes,
        j.text + j.length, kTagBytes);
  }
  if (waiting != 0) run_rest<Direction::kSeal>(jobs, waiting);
}

void Engine::open(Job* jobs, uint32_t count) {
  auto* context = reinterpret_cast<gcm_context_data*>(context_);
  alignas(16) uint8_t tag[kTagBytes];
  uint32_t waiting = 0;
  prefetch_first_keys(jobs, count);
  for (uint32_t i = 0; i < count; ++i) {
    Job& j = jobs[i];
    const Gcm gcm = open_[index(j.algorithm)];
    if (gcm == nullptr) [[unlikely]] {
      waiting_[waiting++] = static_cast<uint8_t>(i);
      continue;
    }
    prefetch_key_ahead(jobs, i, count);
    gcm(gcm_key(j), context, j.text, j.text, j.length, j.nonce, j.aad, j.aad_bytes, tag, kTagBytes);
    j.authentic = same_tag(tag, j.text + j.length);
  }
  if (waiting != 0) run_rest<Direction::kOpen>(jobs, waiting);
}

// Works off waiting_, one algorithm after the other.
template <Engine::Direction direction>
void Engine::run_rest(Job* jobs, uint32_t count) {
  Job* group[kMaxJobs];
  while (count != 0) {
    const Algorithm algorithm = jobs[waiting_[0]].algorithm;
    uint32_t taken = 0, left = 0;
    for (uint32_t i = 0; i < count; ++i) {
      Job& j = jobs[waiting_[i]];
      if (j.algorithm == algorithm)
        group[taken++] = &j;
      else
        waiting_[left++] = waiting_[i];
    }
    run_group<direction>(group, taken);
    count = left;
  }
}

template <Engine::Direction direction>
void Engine::run_group(Job* const* group, uint32_t count) {
  const Algorithm algorithm = group[0]->algorithm;
  if (esp::info(algorithm).is_aead()) {
    IMB_MGR* m = library_->wide();
    direction == Direction::kSeal ? aead_->seal(m, group, count) : aead_->open(m, group, count);
    return;
  }
  const bool wide = count >= plan_->wide_from[index(algorithm)];
  IMB_MGR* m = wide ? library_->wide() : library_->narrow();
  direction == Direction::kSeal ? hmac_->seal(m, group, count) : hmac_->open(m, group, count);
}

std::string Engine::describe() const {
  std::string text = std::string("gcm ") + (plan_->gcm_by_jobs ? "burst" : "direct");
  for (const Algorithm a : {Algorithm::kAes128Sha1, Algorithm::kAes128Sha256,
                            Algorithm::kAes128Sha384, Algorithm::kAes128Sha512}) {
    const uint32_t from = plan_->wide_from[index(a)];
    const bool never = from > kMaxJobs || library_->narrow() == library_->wide();
    text += std::string("; ") + (esp::info(a).name + std::strlen("AES128-")) + " ";
    if (never)
      text += to_string(Isa::kSse);
    else
      text += std::string(to_string(isa_)) +
              (from > 1 ? " from " + std::to_string(from) + " packets, else sse" : "");
  }
  return text;
}

Status expand(Algorithm algorithm, wire::Bytes key, Key& out) {
  // A thread has its own: some of the library's expansions use the lanes of a manager.
  thread_local const std::unique_ptr<Engine> engine = Engine::create();
  if (engine == nullptr) return Errc::kSystem;
  return engine->expand(algorithm, key, out);
}

}  // namespace kanmon::crypto
