// Between which addresses a tunnel's checks work, where the configuration leaves it open, and what
// an outage costs at worst by all its timers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control/config/config.h"

namespace kanmon::config {

struct PathEnds {
  wire::IpAddress local;
  wire::IpAddress remote;
};

// Of the tunnel's BFD session: what is configured; else the first inside address and the other host
// of its subnet. nullopt: they do not follow.
std::optional<PathEnds> bfd_ends(const Tunnel& tunnel);
// Of its health check: from an inside address of the target's family, else from the first address
// of a port in the tunnel's route table.
std::optional<PathEnds> probe_ends(const Config& config, const Tunnel& tunnel);

// Of a port's BFD session with this neighbour: from the port's address in the neighbour's subnet.
// nullopt: it is no station of one.
std::optional<PathEnds> neighbor_ends(const Port& port, const wire::IpAddress& remote);

// How long a dead path may go unnoticed.
struct Detection {
  const char* by;  // "bfd", "health-check", "bgp", "dpd"
  // From the cut of the path to the verdict, in the direction in which this end sends.
  std::chrono::milliseconds worst;
  std::string sum;  // "3 x 300 ms"
};

// What finds that the tunnel is dead, the fastest first: its checks, the hold time of a BGP session
// inside it, dead peer detection unless its action is none.
std::vector<Detection> detections(const Config& config, const Tunnel& tunnel);

// Worst case of an outage of a tunnel, forward (we send) and back (the peer sends), as far as this
// end's timers say: BFD watches both ways, and so does BGP, whose ends have one hold time; a probe
// or DPD that fails tells only this end.
struct Outage {
  std::optional<Detection> forward;  // nullopt: nobody finds out
  std::optional<Detection> back;     // nullopt: up to the peer's own timers
};
Outage worst_outage(const Config& config, const Tunnel& tunnel);

// "tunnel a: forward 900 ms (bfd 3 x 300 ms), back 900 ms (bfd …)": a line for each tunnel.
std::vector<std::string> outage_lines(const Config& config);

}  // namespace kanmon::config
