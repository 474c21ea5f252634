// AEADs through IPsec-MB's job calls: ChaCha20-Poly1305, which is faster this way than through its
// init, update and finalize calls, and GCM where that was asked for. Only crypto/ sees this.
#pragma once

#include <cstdint>

#include <intel-ipsec-mb.h>

#include "dataplane/common/cacheline.h"
#include "dataplane/crypto/engine.h"

namespace kanmon::crypto {

class AeadJobs {
 public:
  // See Engine::seal() and Engine::open(). REQUIRES: all `jobs` are AEADs, 0 < count <= kMaxJobs.
  void seal(IMB_MGR* manager, Job* const* jobs, uint32_t count);
  void open(IMB_MGR* manager, Job* const* jobs, uint32_t count);

 private:
  bool run(IMB_MGR* manager, Job* const* jobs, uint32_t count, bool seal);

  alignas(kCacheLine) uint8_t tags_[kMaxJobs][kTagBytes] = {};
};

}  // namespace kanmon::crypto
