#include "dataplane/observe/session.h"

#include "dataplane/observe/probe.h"

namespace kanmon::observe {

Session::Session(const SessionSpec& spec, uint16_t workers) : spec_(spec) {
  for (uint16_t w = 0; w < workers; ++w) probes_.push_back(std::make_unique<Probe>(*this));
}

Session::~Session() = default;

}  // namespace kanmon::observe
