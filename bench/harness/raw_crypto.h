// IPsec-MB with nothing around it: what a tunnel's cost cannot get below.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/esp/algorithm.h"

namespace kanmon::bench {

struct RawText {
  uint8_t* text;   // with room for 64 octets behind and in front
  uint32_t bytes;  // rounded up to whole blocks where the cipher wants that
  uint32_t key;    // which of the keys
};

class RawCrypto {
 public:
  // `keys` different keys of one direction of the algorithm.
  RawCrypto(const esp::AlgorithmInfo& algorithm, uint32_t keys, bool seal);
  ~RawCrypto();
  RawCrypto(const RawCrypto&) = delete;
  RawCrypto& operator=(const RawCrypto&) = delete;

  // False: IPsec-MB's way of doing this transform is not known here.
  bool ok() const;
  // Works off all texts in place. REQUIRES: ok(), n <= 64.
  void run(const RawText* texts, uint32_t n);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace kanmon::bench
