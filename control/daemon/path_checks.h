// Which path is checked how: from the configuration to checks that workers run, and back from what
// they find to what the gateway makes of it.
//
// The truth of who is alive is `Liveness`, which the workers write; this reads it like they do.
// One thread, control's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/common/secret.h"
#include "control/config/config.h"
#include "control/publish/check_store.h"
#include "dataplane/vigil/clock.h"
#include "dataplane/worker/dataplane.h"

namespace kanmon::daemon {

struct PathCheck {
  uint32_t slot = 0;
  std::string port;          // of a neighbour's session; empty: a tunnel's check
  vigil::Settings settings;  // as asked for, without the key
  Secret key;                // of BFD's authentication
  // What was logged last.
  bool was_down = false;
  bool was_asymmetric = false;
  uint64_t state = static_cast<uint64_t>(bfd::State::kDown);
  uint64_t changes = 0;
};

class PathChecks {
 public:
  // The tunnel, or the port, a blank and the neighbour's address; the kind.
  using Key = std::pair<std::string, vigil::Kind>;
  using NameOf = std::function<const std::string&(uint32_t tunnel)>;

  PathChecks(publish::Plane& commands, const DataPlane& plane, NameOf tunnel_name);

  // Makes, changes and ends checks so that they are those of `config`, whose tunnels have their
  // numbers. What is asked for as before goes on undisturbed, over rekeys and reloads.
  void apply(const config::Config& config,
             const std::function<uint16_t(const std::string&)>& table_number);
  // An event of a worker. Returns the check whose path is to be judged anew, or null.
  const PathCheck* happened(uint32_t slot);
  // Frees what was acknowledged; returns tunnels to be judged anew.
  std::vector<uint32_t> sweep();
  // All end; BFD sessions say goodbye.
  void end();

  // By the checks alone.
  bool is_down(uint32_t tunnel) const;
  // The same of a neighbour of a port.
  bool is_neighbor_down(const std::string& port, const wire::IpAddress& address) const;
  // Why is_down(): "bfd: detection-time-expired"; empty if it is not.
  std::string reason(uint32_t tunnel) const;

  const std::map<Key, PathCheck>& all() const { return checks_; }
  const vigil::Check* find(const PathCheck& check) const { return store_.find(check.slot); }
  // Microseconds since `us` on the clock of reports; 0 if it is to come.
  uint64_t since_us(uint64_t us) const;

 private:
  void want(const Key& key, const vigil::Settings& settings, const Secret& secret,
            const std::string& port = {});
  void want_neighbors(const config::Port& port, uint16_t table, std::set<Key>& wanted);
  void log_changes(const Key& key, PathCheck& known, const vigil::Check& check);

  const DataPlane& plane_;
  NameOf tunnel_name_;
  vigil::Clock clock_;
  publish::CheckStore store_;
  std::map<Key, PathCheck> checks_;
  std::map<uint32_t, Key> by_slot_;
};

}  // namespace kanmon::daemon
