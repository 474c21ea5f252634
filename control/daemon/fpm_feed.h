// The routes another routing daemon gives to one route table (control/fpm), as candidates of the
// compiler: origin `fpm`, a source per table.
//
// A way is used if it leads to what the table knows: a gateway in the subnet of a tunnel or of a
// port, or (with a gateway that is link-local, or none) the tunnel's or port's own host device. A
// route without such a way is not offered, and counted as unusable.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/config/config.h"
#include "control/fpm/listener.h"
#include "control/fpm/routes.h"
#include "control/host/namespace.h"
#include "control/routing/compiler.h"

namespace kanmon::daemon {

class FpmFeed final : private fpm::Routes::Sink {
 public:
  // Where a gateway in this table leads, or the host device of that name.
  struct Ways {
    std::function<std::optional<fib::NextHop>(const wire::IpAddress& gateway)> by_gateway;
    std::function<std::optional<fib::NextHop>(const std::string& device,
                                              const std::optional<wire::IpAddress>& gateway)>
        by_device;
    std::function<uint32_t()> clock_s;
  };

  FpmFeed(routing::Compiler& compiler, routing::TableId table, const config::Fpm& settings,
          std::shared_ptr<const host::Namespace> where, Ways ways);
  // Withdraws all its routes, unless the table was dropped before (forget()).
  ~FpmFeed() override;
  FpmFeed(const FpmFeed&) = delete;
  FpmFeed& operator=(const FpmFeed&) = delete;

  // False: `why` says what the kernel refused; it can be tried again.
  bool listen(std::string& why);
  bool is_listening() const { return listener_ != nullptr; }
  // True: there is more to read at once.
  bool poll(fpm::TimePoint now);
  void tick(fpm::TimePoint now);
  // Tunnels or ports changed: looks all ways up anew.
  void refresh();
  // Stations its ways led to since the last refresh(): to be asked for as long as it has them.
  const std::set<uint32_t>& adjacencies() const { return adjacencies_; }
  // The compiler has dropped the table, with all that was in it.
  void forget() { is_dropped_ = true; }

  const config::Fpm& settings() const { return settings_; }
  const std::shared_ptr<const host::Namespace>& where() const { return where_; }
  const fpm::Routes& routes() const { return routes_; }
  const fpm::Listener* listener() const { return listener_.get(); }
  size_t unusable() const { return unusable_.size(); }

 private:
  void set(const wire::Prefix& prefix, std::span<const fpm::Way> ways) override;
  void unset(const wire::Prefix& prefix) override;
  std::optional<fib::NextHop> next_hop(const fpm::Way& way);
  const std::string& device(uint32_t interface);
  routing::SourceId source() const;

  routing::Compiler& compiler_;
  const routing::TableId table_;
  const config::Fpm settings_;
  const std::shared_ptr<const host::Namespace> where_;
  const Ways ways_;
  fpm::Routes routes_;
  std::unique_ptr<fpm::Listener> listener_;
  std::map<uint32_t, std::string> devices_;  // by interface index, as looked up
  std::set<wire::Prefix> unusable_;
  std::set<uint32_t> adjacencies_;
  bool is_dropped_ = false;
};

}  // namespace kanmon::daemon
