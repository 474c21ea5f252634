// AES-CBC or no cipher, and an HMAC over all of it, as bursts of packets of one algorithm: the
// cipher of all packets, then the hash of all packets, each in as many lanes as the manager has
// (IPsec-MB's synchronous cipher and hash bursts). Only crypto/ sees this.
#pragma once

#include <cstdint>

#include "dataplane/common/cacheline.h"
#include "dataplane/crypto/engine.h"
#include "dataplane/crypto/hmac_key.h"

namespace kanmon::crypto {

class HmacBurst {
 public:
  ~HmacBurst();

  // See Engine::seal() and Engine::open(). REQUIRES: all `jobs` are of one algorithm with
  // integrity, 0 < count <= kMaxJobs.
  void seal(IMB_MGR* manager, Job* const* jobs, uint32_t count);
  void open(IMB_MGR* manager, Job* const* jobs, uint32_t count);

 private:
  using Icv = uint8_t[64];  // room for a whole hash: vector code may write it before it cuts it

  bool encrypt(IMB_MGR* manager, const esp::AlgorithmInfo& a, Job* const* jobs, uint32_t count);
  bool decrypt(IMB_MGR* manager, const esp::AlgorithmInfo& a, Job* const* jobs, uint32_t count);
  bool hash(IMB_MGR* manager, const esp::AlgorithmInfo& a, Job* const* jobs, uint32_t count);

  alignas(kCacheLine) IMB_JOB work_[kMaxJobs] = {};
  alignas(kCacheLine) Icv computed_[kMaxJobs] = {};
  alignas(kCacheLine) uint8_t received_[kMaxJobs][esp::kMaxIcvBytes] = {};
};

}  // namespace kanmon::crypto
