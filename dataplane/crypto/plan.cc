#include "dataplane/crypto/plan.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <x86intrin.h>

#include "dataplane/crypto/aead_jobs.h"
#include "dataplane/crypto/hmac_burst.h"

namespace kanmon::crypto {

namespace {

constexpr uint8_t kNever = kMaxJobs + 1;
constexpr uint32_t kTextBytes = 256;  // between the small packets and the large ones
constexpr uint32_t kRoom = 512;
constexpr uint32_t kFront = esp::kMaxIvBytes + 8;
constexpr int kTries = 5;  // the least of so many: interrupts only add

// The border between the two managers moves with the group's size; these are the sizes tried.
constexpr uint8_t kGroups[] = {1, 2, 4, 6, 8, 12, 16, 24, 32};

class Trial {
 public:
  explicit Trial(const Library& library) : library_(library), room_(kMaxJobs * kRoom, 0x5a) {}

  // One burst of every size both ways, the largest size first: where the wide manager stops being
  // faster is the border.
  uint8_t wide_from(esp::Algorithm algorithm) {
    prepare(algorithm);
    uint8_t border = kNever;
    for (std::size_t i = std::size(kGroups); i-- > 0;) {
      if (hmac_ticks(library_.wide(), kGroups[i]) >= hmac_ticks(library_.narrow(), kGroups[i]))
        break;
      border = kGroups[i];
    }
    return border;
  }

  // Jobs must be clearly faster: direct calls do not depend on how many packets there are.
  bool gcm_by_jobs() {
    prepare(esp::Algorithm::kAes128Gcm16);
    const uint64_t jobs = least([&] { aead_.seal(library_.wide(), pointers_, 32); });
    const uint64_t direct = least([&] { direct_gcm(32); });
    return jobs < direct - direct / 16;
  }

 private:
  template <class Run>
  static uint64_t least(Run run) {
    uint64_t best = ~uint64_t{0};
    for (int i = 0; i < kTries; ++i) {
      const uint64_t from = __rdtsc();
      run();
      best = std::min<uint64_t>(best, __rdtsc() - from);
    }
    return best;
  }

  uint64_t hmac_ticks(IMB_MGR* manager, uint32_t count) {
    return least([&] { hmac_.seal(manager, pointers_, count); });
  }

  void direct_gcm(uint32_t count) {
    gcm_context_data context;
    for (uint32_t i = 0; i < count; ++i) {
      const Job& j = jobs_[i];
      library_.wide()->gcm128_enc(reinterpret_cast<const gcm_key_data*>(key_.expanded), &context,
                                  j.text, j.text, j.length, j.nonce, j.aad, j.aad_bytes,
                                  j.text + j.length, kTagBytes);
    }
  }

  void prepare(esp::Algorithm algorithm) {
    const esp::AlgorithmInfo& a = esp::info(algorithm);
    const std::vector<uint8_t> raw(a.key_bytes(), 0x3c);
    std::memset(&key_, 0, sizeof key_);
    if (a.is_aead()) {
      library_.wide()->gcm128_pre(raw.data(), reinterpret_cast<gcm_key_data*>(key_.expanded));
    } else {
      expand_hmac(library_.wide(), algorithm, raw, *reinterpret_cast<HmacKey*>(key_.expanded));
    }
    for (uint32_t i = 0; i < kMaxJobs; ++i) {
      jobs_[i] = {};
      jobs_[i].key = &key_;
      jobs_[i].text = room_.data() + i * kRoom + kFront;
      jobs_[i].length = kTextBytes;
      jobs_[i].aad_bytes = 8;
      jobs_[i].algorithm = algorithm;
      pointers_[i] = &jobs_[i];
    }
  }

  const Library& library_;
  std::vector<uint8_t> room_;
  HmacBurst hmac_;
  AeadJobs aead_;
  Key key_;
  Job jobs_[kMaxJobs];
  Job* pointers_[kMaxJobs];
};

Plan measured(const Library& library) {
  const auto trial = std::make_unique<Trial>(library);
  Plan plan;
  plan.gcm_by_jobs = trial->gcm_by_jobs();
  for (const esp::AlgorithmInfo& a : esp::kAlgorithms) {
    uint8_t& border = plan.wide_from[static_cast<uint8_t>(a.algorithm)];
    if (!a.is_aead()) border = trial->wide_from(a.algorithm);
  }
  return plan;
}

template <Isa isa>
const Plan& kept(const Library& library) {
  static const Plan plan = measured(library);
  return plan;
}

Plan fixed(Backend backend) {
  Plan plan;
  plan.gcm_by_jobs = backend == Backend::kBurst;
  for (uint8_t& border : plan.wide_from) border = backend == Backend::kBurst ? 1 : kNever;
  return plan;
}

}  // namespace

const Plan& plan_for(const Library& library, Backend backend) {
  static const Plan direct = fixed(Backend::kDirect), burst = fixed(Backend::kBurst);
  if (backend == Backend::kDirect) return direct;
  if (backend == Backend::kBurst) return burst;
  switch (library.isa()) {
    case Isa::kAvx512:
      return kept<Isa::kAvx512>(library);
    case Isa::kAvx2:
      return kept<Isa::kAvx2>(library);
    case Isa::kAvx:
      return kept<Isa::kAvx>(library);
    default:
      return kept<Isa::kSse>(library);
  }
}

}  // namespace kanmon::crypto
