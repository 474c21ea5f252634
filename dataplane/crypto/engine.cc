#include "dataplane/crypto/engine.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include <immintrin.h>
#include <intel-ipsec-mb.h>

#include "dataplane/crypto/private_library.h"
#include "dataplane/crypto/secure_slab.h"

namespace kanmon::crypto {

static_assert(sizeof(gcm_key_data) <= Key::kExpandedBytes && alignof(gcm_key_data) <= alignof(Key));
static_assert(kTagBytes == IMB_MAX_TAG_LEN);

namespace {

std::atomic<Isa> g_isa{Isa::kAuto};

// An instruction set, the library's name for it, what the machine must have and what starts it.
struct IsaRow {
  Isa isa;
  IMB_ARCH arch;
  const char* name;
  uint64_t needs;
  const char* init;
};
constexpr IsaRow kIsas[] = {
    {Isa::kSse, IMB_ARCH_SSE, "sse", IMB_CPUFLAGS_SSE, "init_mb_mgr_sse"},
    {Isa::kAvx, IMB_ARCH_AVX, "avx", IMB_CPUFLAGS_AVX, "init_mb_mgr_avx"},
    {Isa::kAvx2, IMB_ARCH_AVX2, "avx2", IMB_CPUFLAGS_AVX2, "init_mb_mgr_avx2"},
    {Isa::kAvx512, IMB_ARCH_AVX512, "avx512", IMB_CPUFLAGS_AVX512, "init_mb_mgr_avx512"},
};

// The entry points of one copy of the library.
struct Entries {
  decltype(&alloc_mb_mgr) alloc = nullptr;
  decltype(&free_mb_mgr) release = nullptr;
  decltype(&imb_get_errno) last_error = nullptr;
  init_mb_mgr_t init[std::size(kIsas)] = {};

  bool complete() const {
    for (init_mb_mgr_t f : init)
      if (f == nullptr) return false;
    return alloc != nullptr && release != nullptr && last_error != nullptr;
  }
};

Entries linked_entries() {
  return {alloc_mb_mgr,
          free_mb_mgr,
          imb_get_errno,
          {init_mb_mgr_sse, init_mb_mgr_avx, init_mb_mgr_avx2, init_mb_mgr_avx512}};
}

Entries entries_of(const PrivateLibrary& copy) {
  Entries e;
  e.alloc = copy.find<IMB_MGR*(uint64_t)>("alloc_mb_mgr");
  e.release = copy.find<void(IMB_MGR*)>("free_mb_mgr");
  e.last_error = copy.find<int(IMB_MGR*)>("imb_get_errno");
  for (std::size_t i = 0; i < std::size(kIsas); ++i)
    e.init[i] = copy.find<void(IMB_MGR*)>(kIsas[i].init);
  return e;
}

// Starts `manager` for `isa`, or for the best there is; kAuto if that cannot be.
Isa start(IMB_MGR* manager, const Entries& entries, Isa isa) {
  for (std::size_t i = std::size(kIsas); i-- > 0;) {
    const IsaRow& row = kIsas[i];
    if ((isa != Isa::kAuto && isa != row.isa) || (manager->features & row.needs) != row.needs)
      continue;
    entries.init[i](manager);
    // The library runs its own known answers when it starts; where it says so, they must have held.
    const bool refused = (manager->features & IMB_FEATURE_SELF_TEST) != 0 &&
                         (manager->features & IMB_FEATURE_SELF_TEST_PASS) == 0;
    if (entries.last_error(manager) != 0 || refused) return Isa::kAuto;
    return row.isa;
  }
  return Isa::kAuto;
}

// Reads both tags whole, whatever they hold (ESP-16).
bool same_tag(const uint8_t* a, const uint8_t* b) {
  const __m128i x = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)),
                                  _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
  return _mm_testz_si128(x, x) != 0;
}

// Jobs ahead of the one at hand whose keys are asked for: the shortest takes about as long as a
// line takes from the third level of cache.
constexpr uint32_t kKeysAhead = 2;

// Brings in what the cipher will read of the key: the round keys at its front, and of the powers of
// the hash key, which end at its back, one for each block of text.
void prefetch_key(const Job& j) {
  constexpr uint32_t kRoundKeyLines = 4, kLines = Key::kExpandedBytes / kCacheLine;
  const uint32_t powers = std::min(j.length / 256 + 2, kLines - kRoundKeyLines);
  const uint8_t* key = j.key->expanded;
  for (uint32_t i = 0; i < kRoundKeyLines; ++i) __builtin_prefetch(key + i * kCacheLine);
  for (uint32_t i = kLines - powers; i < kLines; ++i) __builtin_prefetch(key + i * kCacheLine);
}

void prefetch_keys_ahead(const Job* jobs, uint32_t i, uint32_t count) {
  const uint32_t ahead = i + kKeysAhead;
  if (ahead < count && jobs[ahead].key != jobs[i].key) prefetch_key(jobs[ahead]);
}

}  // namespace

// What the function pointers of an Engine lead into.
struct Engine::Library {
  std::unique_ptr<PrivateLibrary> copy;
  Entries entries;
  IMB_MGR* manager = nullptr;

  ~Library() {
    if (manager != nullptr) entries.release(manager);
  }
};

const char* to_string(Isa isa) {
  for (const IsaRow& row : kIsas)
    if (row.isa == isa) return row.name;
  return "auto";
}

void choose_isa(Isa isa) {
  g_isa.store(isa, std::memory_order_relaxed);
}

Engine::Engine() = default;

Engine::~Engine() {
  wipe(context_, sizeof context_);
  wipe(jobs_, sizeof jobs_);
}

std::unique_ptr<Engine> Engine::create(Isa isa, bool private_copy) {
  static_assert(sizeof context_ >= sizeof(gcm_context_data));
  auto library = std::make_unique<Library>();
  library->entries = linked_entries();
  if (private_copy) {
    library->copy = PrivateLibrary::copy_of(reinterpret_cast<const void*>(&alloc_mb_mgr));
    const Entries own = library->copy ? entries_of(*library->copy) : Entries{};
    if (own.complete())
      library->entries = own;
    else
      library->copy.reset();
  }
  IMB_MGR* m = library->manager = library->entries.alloc(0);
  if (m == nullptr) return nullptr;

  auto engine = std::unique_ptr<Engine>(new Engine);
  engine->isa_ = start(m, library->entries, isa != Isa::kAuto ? isa : g_isa.load());
  if (engine->isa_ == Isa::kAuto) return nullptr;
  engine->seal_[0] = m->gcm128_enc;
  engine->seal_[1] = m->gcm256_enc;
  engine->open_[0] = m->gcm128_dec;
  engine->open_[1] = m->gcm256_dec;
  engine->expand_[0] = m->gcm128_pre;
  engine->expand_[1] = m->gcm256_pre;
  engine->private_copy_ = library->copy != nullptr;
  engine->library_ = std::move(library);
  return engine;
}

Status Engine::expand(esp::Algorithm algorithm, wire::Bytes key, Key& out) const {
  if (key.size() != esp::info(algorithm).encr_key_bytes) return Errc::kBadLength;
  std::memset(&out, 0, sizeof out);
  expand_[static_cast<uint8_t>(algorithm)](key.data(),
                                           reinterpret_cast<gcm_key_data*>(out.expanded));
  if (library_->entries.last_error(library_->manager) != 0) return Errc::kSystem;
  return success();
}

void Engine::seal(Job* jobs, uint32_t count) {
  auto* context = reinterpret_cast<gcm_context_data*>(context_);
  for (uint32_t i = 0; i < count; ++i) {
    const Job& j = jobs[i];
    prefetch_keys_ahead(jobs, i, count);
    seal_[static_cast<uint8_t>(j.algorithm)](reinterpret_cast<const gcm_key_data*>(j.key->expanded),
                                             context, j.text, j.text, j.length, j.nonce, j.aad,
                                             j.aad_bytes, j.text + j.length, kTagBytes);
  }
}

void Engine::open(Job* jobs, uint32_t count) {
  auto* context = reinterpret_cast<gcm_context_data*>(context_);
  alignas(16) uint8_t tag[kTagBytes];
  for (uint32_t i = 0; i < count; ++i) {
    Job& j = jobs[i];
    prefetch_keys_ahead(jobs, i, count);
    open_[static_cast<uint8_t>(j.algorithm)](reinterpret_cast<const gcm_key_data*>(j.key->expanded),
                                             context, j.text, j.text, j.length, j.nonce, j.aad,
                                             j.aad_bytes, tag, kTagBytes);
    j.authentic = same_tag(tag, j.text + j.length);
  }
}

Status expand(esp::Algorithm algorithm, wire::Bytes key, Key& out) {
  static const std::unique_ptr<Engine> engine = Engine::create();
  if (engine == nullptr) return Errc::kSystem;
  return engine->expand(algorithm, key, out);
}

}  // namespace kanmon::crypto
