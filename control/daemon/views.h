// The gateway's state as JSON documents, one function per `kanmon show` view. Keys are those of
// api/views.h; docs/api.md describes them. No key material ever (INV-9).
#pragma once

#include "control/api/dispatcher.h"
#include "control/daemon/gateway.h"

namespace kanmon::daemon::views {

api::Json tunnels(const Gateway& gateway, TimePoint now);
api::Json sas(const Gateway& gateway, TimePoint now);
// `table`: only this one; empty: all.
api::Json routes(const Gateway& gateway, const std::string& table);
api::Json neighbors(const Gateway& gateway, TimePoint now);
api::Json workers(const Gateway& gateway);
api::Json stages(const Gateway& gateway);
api::Json drops(const Gateway& gateway);
api::Json steering(const Gateway& gateway);
api::Json ports(const Gateway& gateway);
// Network devices shared with the machine's own stack.
api::Json host_devices(const Gateway& gateway);
api::Json version(const Gateway& gateway);

}  // namespace kanmon::daemon::views
