// The real data plane as a Plane.
#pragma once

#include "control/publish/plane.h"
#include "dataplane/worker/dataplane.h"

namespace kanmon::publish {

class DataPlanePlane final : public Plane {
 public:
  explicit DataPlanePlane(DataPlane& plane) : plane_(plane) {}
  uint64_t publish(const rings::Command& command) override { return plane_.publish(command); }
  bool acknowledged(uint64_t sequence) const override { return plane_.acknowledged(sequence); }
  uint64_t tsc_after(std::chrono::seconds from_now) const override {
    return plane_.tsc_now() + static_cast<uint64_t>(from_now.count()) * plane_.tsc_hz();
  }
  void announce_spi(uint32_t spi) override { plane_.front().announce_spi(spi); }
  void withdraw_spi(uint32_t spi) override { plane_.front().withdraw_spi(spi); }

 private:
  DataPlane& plane_;
};

}  // namespace kanmon::publish
