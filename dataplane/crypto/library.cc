#include "dataplane/crypto/library.h"

#include <iterator>

namespace kanmon::crypto {

namespace {

// IPsec-MB 2.0 has no code for plain AVX any more.
#if IMB_VERSION_NUM < IMB_VERSION(2, 0, 0)
constexpr init_mb_mgr_t kInitAvx = init_mb_mgr_avx;
#else
constexpr init_mb_mgr_t kInitAvx = nullptr;
#endif

// An instruction set, the library's name for it, what the machine must have and what starts it.
struct IsaRow {
  Isa isa;
  const char* name;
  uint64_t needs;
  const char* init_name;
  init_mb_mgr_t init;
};
constexpr IsaRow kIsas[] = {
    {Isa::kSse, "sse", IMB_CPUFLAGS_SSE, "init_mb_mgr_sse", init_mb_mgr_sse},
    {Isa::kAvx, "avx", IMB_CPUFLAGS_SSE | IMB_FEATURE_AVX, "init_mb_mgr_avx", kInitAvx},
    {Isa::kAvx2, "avx2", IMB_CPUFLAGS_AVX2, "init_mb_mgr_avx2", init_mb_mgr_avx2},
    {Isa::kAvx512, "avx512", IMB_CPUFLAGS_AVX512, "init_mb_mgr_avx512", init_mb_mgr_avx512},
};

}  // namespace

const char* to_string(Isa isa) {
  for (const IsaRow& row : kIsas)
    if (row.isa == isa) return row.name;
  return "auto";
}

bool Library::Entries::complete() const {
  for (int i = 0; i < kIsaCount; ++i)
    if ((init[i] == nullptr) != (kIsas[i].init == nullptr)) return false;
  return alloc != nullptr && release != nullptr && last_error != nullptr;
}

Library::Entries Library::linked() {
  static_assert(std::size(kIsas) == kIsaCount);
  Entries e;
  e.alloc = alloc_mb_mgr;
  e.release = free_mb_mgr;
  e.last_error = imb_get_errno;
  for (int i = 0; i < kIsaCount; ++i) e.init[i] = kIsas[i].init;
  return e;
}

Library::Entries Library::entries_of(const PrivateLibrary& copy) {
  Entries e;
  e.alloc = copy.find<IMB_MGR*(uint64_t)>("alloc_mb_mgr");
  e.release = copy.find<void(IMB_MGR*)>("free_mb_mgr");
  e.last_error = copy.find<int(IMB_MGR*)>("imb_get_errno");
  for (int i = 0; i < kIsaCount; ++i)
    if (kIsas[i].init != nullptr) e.init[i] = copy.find<void(IMB_MGR*)>(kIsas[i].init_name);
  return e;
}

// Starts `manager` for `isa`, or for the best there is; kAuto if that cannot be.
Isa Library::start(IMB_MGR* manager, Isa isa) const {
  for (int i = kIsaCount; i-- > 0;) {
    const IsaRow& row = kIsas[i];
    if (entries_.init[i] == nullptr || (isa != Isa::kAuto && isa != row.isa) ||
        (manager->features & row.needs) != row.needs)
      continue;
    entries_.init[i](manager);
    // The library runs its own known answers when it starts; where it says so, they must have held.
    const bool refused = (manager->features & IMB_FEATURE_SELF_TEST) != 0 &&
                         (manager->features & IMB_FEATURE_SELF_TEST_PASS) == 0;
    if (entries_.last_error(manager) != 0 || refused) return Isa::kAuto;
    return row.isa;
  }
  return Isa::kAuto;
}

std::unique_ptr<Library> Library::load(Isa isa, bool private_copy) {
  std::unique_ptr<Library> library(new Library);
  library->entries_ = linked();
  if (private_copy) {
    library->copy_ = PrivateLibrary::copy_of(reinterpret_cast<const void*>(&alloc_mb_mgr));
    const Entries own = library->copy_ ? entries_of(*library->copy_) : Entries{};
    if (own.complete())
      library->entries_ = own;
    else
      library->copy_.reset();
  }
  library->wide_ = library->entries_.alloc(0);
  if (library->wide_ == nullptr) return nullptr;
  library->isa_ = library->start(library->wide_, isa);
  if (library->isa_ == Isa::kAuto) return nullptr;
  if (library->isa_ == Isa::kSse) return library;
  library->narrow_ = library->entries_.alloc(0);
  if (library->narrow_ == nullptr || library->start(library->narrow_, Isa::kSse) != Isa::kSse)
    return nullptr;
  return library;
}

Library::~Library() {
  if (wide_ != nullptr) entries_.release(wide_);
  if (narrow_ != nullptr) entries_.release(narrow_);
}

}  // namespace kanmon::crypto
