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

 private:
  DataPlane& plane_;
};

}  // namespace kanmon::publish
