#include "control/api/views.h"

#include "control/api/bgp_views.h"

namespace kanmon::api {
namespace {

using enum Format;

constexpr Column kTunnels[] = {
    {"tunnel", "TUNNEL", kText, "name in the configuration"},
    {"state", "STATE", kText, "idle, waiting, connecting, established (no child SA), up, deleting"},
    {"local", "LOCAL", kText, "own outside address and UDP port"},
    {"remote", "REMOTE", kText, "the peer's; null if it is not known yet"},
    {"peer_id", "PEER ID", kText, "the identity the peer proved, else the expected one"},
    {"udp_encap", "UDP", kYesNo, "ESP travels in UDP 4500"},
    {"ike_age_s", "IKE AGE", kAge, "age of the IKE SA"},
    {"ike_rekey_in_s", "IKE REKEY IN", kAge, "time until it is rekeyed", true},
    {"role", "ROLE", kText, "initiator or responder of the IKE SA", true},
    {"ike_spi_initiator", "IKE SPI I", kText, "16 hex digits", true},
    {"ike_spi_responder", "IKE SPI R", kText, "16 hex digits", true},
    {"ike_algorithms", "IKE ALGORITHMS", kText, "negotiated for the IKE SA", true},
    {"nat_local", "NAT US", kYesNo, "this end is behind a NAT", true},
    {"nat_remote", "NAT PEER", kYesNo, "the peer is behind a NAT", true},
    {"children", "CHILDREN", kCount, "child SA pairs, superseded ones too"},
    {"path_mtu", "PATH MTU", kCount, "octets an outer packet may have; null without an SA", true},
    {"mtu", "MTU", kCount, "octets an inner packet may have; null without an SA", true},
    {"packets_in", "PKT IN", kCount, "decrypted, since the tunnel came up"},
    {"packets_out", "PKT OUT", kCount, "encrypted"},
    {"bytes_in", "B IN", kBytes, "inner octets decrypted"},
    {"bytes_out", "B OUT", kBytes, "inner octets encrypted"},
    {"ike_rekeys", "IKE REKEYS", kCount, "since the start of the program", true},
    {"child_rekeys", "CHILD REKEYS", kCount, "since the start of the program", true},
    {"retransmits", "RETRANSMITS", kCount, "IKE requests sent again", true},
    {"reason", "REASON", kText, "why it is not up, or what went wrong last; null if nothing did"},
};
constexpr SortKey kTunnelOrder[] = {{"state", Order::kLast, "up"}, {"tunnel", Order::kAscending}};

constexpr Column kSas[] = {
    {"tunnel", "TUNNEL", kText, "name in the configuration"},
    {"direction", "DIR", kText, "in or out"},
    {"spi", "SPI", kText, "8 hex digits"},
    {"state", "STATE", kText, "active, or old: superseded, kept for packets under way"},
    {"algorithm", "ALGORITHM", kText, "ESP algorithm"},
    {"pfs_group", "PFS", kText, "Diffie-Hellman group of its own exchange; null if none", true},
    {"esn", "ESN", kYesNo, "64-bit sequence numbers"},
    {"worker", "WORKER", kCount, "owner of the replay window; null for out", true},
    {"packets", "PACKETS", kCount, "that passed all checks"},
    {"bytes", "BYTES", kBytes, "inner octets of those"},
    {"sequence", "SEQUENCE", kCount, "last sequence number sent, or highest one received", true},
    {"replay_window", "WINDOW", kCount, "packets; null for out", true},
    {"replayed", "REPLAYED", kCount, "dropped: seen before or left of the window"},
    {"icv_failed", "BAD ICV", kCount, "dropped: integrity check failed"},
    {"dropped", "DROPPED", kCount, "dropped for all reasons together"},
    {"tfc_padding", "TFC", kYesNo, "all packets are padded to the MTU; null for in", true},
    {"later_fragments", "LATER FRAGMENTS", kYesNo,
     "may follow their first one where traffic selectors name ports", true},
    {"age_s", "AGE", kAge, "since it was installed"},
    {"rekey_in_s", "REKEY IN", kAge, "null if it is old"},
    {"expires_in_s", "EXPIRES IN", kAge, "until it carries nothing any more", true},
    {"local_ts", "LOCAL TS", kList, "traffic selectors behind this end", true},
    {"remote_ts", "REMOTE TS", kList, "traffic selectors behind the peer", true},
};
constexpr SortKey kSaOrder[] = {{"dropped", Order::kDescending},
                                {"tunnel", Order::kAscending},
                                {"direction", Order::kAscending},
                                {"age_s", Order::kAscending}};

constexpr Column kRoutes[] = {
    {"table", "TABLE", kText, "route table or underlay"},
    {"domain", "DOMAIN", kText, "overlay (route table) or underlay", true},
    {"prefix", "PREFIX", kText, "destinations"},
    {"kind", "KIND", kText, "connected, local, neighbor, tunnel, blackhole"},
    {"next_hop", "NEXT HOP", kText, "address, tunnel or port; null for a blackhole"},
    {"weight", "WEIGHT", kCount, "share among the next hops of the route; 0 stands by"},
    {"origin", "ORIGIN", kText,
     "local, connected, static, neighbor, propagated, bgp-direct-connect, vpn-static, bgp-vpn, "
     "fpm; "
     "of one prefix the earlier in this list wins"},
    {"source", "SOURCE", kText, "port, tunnel, attachment or peer it comes from; null: the table"},
    {"state", "STATE", kText,
     "active; standby: another is preferred; down: its next hop is; blackhole: it drops what it "
     "covers; rejected: it would recurse"},
    {"age_s", "AGE", kAge, "since it was there"},
    {"on_down", "ON DOWN", kText, "hold, withdraw, blackhole, fallback", true},
    {"reason", "REASON", kText, "why it is not active; null if it is"},
};
constexpr Column kRouteTotals[] = {
    {"prefixes", "prefixes", kCount, "in the tables asked for"},
    {"shown", "shown", kCount, "of them, in this answer"},
    {"next", "next", kText,
     "where the answer broke off, for `--after` and params.after; null: there are no more"},
};
constexpr SortKey kRouteOrder[] = {
    {"state", Order::kLast, "active"}, {"table", Order::kAscending}, {"prefix", Order::kAscending}};

constexpr Column kAttachments[] = {
    {"attachment", "ATTACHMENT", kText, "name in the configuration"},
    {"kind", "KIND", kText, "vpc, vpn, direct-connect"},
    {"state", "STATE", kText, "up; down: no tunnel has an SA, or the port no link"},
    {"association", "ASSOCIATION", kText, "the table its packets are looked up in"},
    {"propagations", "PROPAGATIONS", kList, "tables that have its routes too"},
    {"members", "MEMBERS", kList, "its port or tunnels"},
    {"static_routes", "STATIC", kCount, "static routes of its own"},
    {"implied", "IMPLIED", kYesNo, "stands for a port or tunnel with `table:`", true},
};
constexpr SortKey kAttachmentOrder[] = {{"state", Order::kLast, "up"},
                                        {"attachment", Order::kAscending}};

constexpr Column kTables[] = {
    {"table", "TABLE", kText, "route table or underlay"},
    {"domain", "DOMAIN", kText, "overlay (route table) or underlay"},
    {"prefixes", "PREFIXES", kCount, "with a candidate at least"},
    {"candidates", "CANDIDATES", kCount, "routes of all origins"},
    {"associations", "ASSOCIATIONS", kList, "attachments whose packets are looked up in it"},
    {"propagations", "PROPAGATIONS", kList, "attachments whose routes it has too"},
    {"fib_bytes", "FIB BYTES", kBytes, "memory of its forwarding table"},
};
constexpr SortKey kTableOrder[] = {{"table", Order::kAscending}};

constexpr Column kBfd[] = {
    {"tunnel", "TUNNEL", kText, "name in the configuration; null for a neighbour of a port"},
    {"port", "PORT", kText, "of such a neighbour"},
    {"remote", "REMOTE", kText, "address of the far end"},
    {"state", "STATE", kText, "of the session: admin-down, down, init, up"},
    {"state_age_s", "AGE", kAge, "of that state; null: since the start"},
    {"path", "PATH", kText, "up, down, or undecided: not heard yet, nor missed for long enough"},
    {"why", "WHY", kText,
     "the path is not used: lost, hold-down, switch-back, damped; null if it is"},
    {"diag", "DIAG", kText, "why the session went down last (RFC 5880 section 4.1)"},
    {"remote_state", "REMOTE STATE", kText, "what the far end says of itself"},
    {"remote_diag", "REMOTE DIAG", kText, "why the far end says it went down", true},
    {"tx_interval_ms", "TX MS", kDecimal, "between packets, as negotiated"},
    {"detection_ms", "DETECT MS", kDecimal, "silence that ends the session; null: not known yet"},
    {"transitions", "CHANGES", kCount, "of the path between used and not used"},
    {"times_down", "FAILURES", kCount, "of the session"},
    {"changed_s", "CHANGED", kAge, "since the last of CHANGES; null: there was none", true},
    {"penalty", "PENALTY", kCount, "of flap damping, at the last event", true},
    {"asymmetric", "ASYMMETRIC", kCount, "packets that came by another tunnel and do not count"},
    {"asymmetric_by", "CAME BY", kText, "that tunnel, or clear; null: none came", true},
    {"local", "LOCAL", kText, "own address", true},
    {"multihop", "MULTIHOP", kYesNo, "RFC 5883", true},
    {"interval_ms", "INTERVAL MS", kDecimal, "as configured", true},
    {"multiplier", "MULTIPLIER", kCount, "as configured", true},
    {"authentication", "AUTH", kText, "null: none", true},
    {"discriminator", "DISCR", kText, "own, 8 hex digits", true},
    {"remote_discriminator", "REMOTE DISCR", kText, "the far end's; zeros: not known", true},
    {"sent", "SENT", kCount, "packets", true},
    {"received", "RECEIVED", kCount, "packets that counted", true},
    {"refused", "REFUSED", kCount, "packets that changed nothing", true},
    {"refusals", "REFUSALS", kList, "the reasons of those, with counts", true},
    {"unsent", "UNSENT", kCount, "packets not sent: no SA, no buffer", true},
    {"worker", "WORKER", kCount, "that runs it", true},
};
constexpr Column kHealth[] = {
    {"tunnel", "TUNNEL", kText, "name in the configuration"},
    {"target", "TARGET", kText, "address that is asked"},
    {"path", "PATH", kText, "up, down, or undecided: neither FALL losses nor RISE answers yet"},
    {"why", "WHY", kText,
     "the path is not used: not-heard, lost, hold-down, switch-back, damped; null if it is"},
    {"changed_s", "CHANGED", kAge, "since the path was used or not used any more; null: never"},
    {"rtt_ms", "RTT MS", kDecimal, "of the last answer"},
    {"rtt_smoothed_ms", "SMOOTHED MS", kDecimal, "an eighth of each new one", true},
    {"loss_percent", "LOSS %", kDecimal, "of the last 64 probes"},
    {"transitions", "CHANGES", kCount, "of the path between used and not used"},
    {"times_down", "FAILURES", kCount, "times FALL probes in a row were lost", true},
    {"penalty", "PENALTY", kCount, "of flap damping, at the last event"},
    {"asymmetric", "ASYMMETRIC", kCount, "answers that came by another tunnel and do not count"},
    {"asymmetric_by", "CAME BY", kText, "that tunnel, or clear; null: none came"},
    {"source", "SOURCE", kText, "own address", true},
    {"sent", "SENT", kCount, "probes", true},
    {"answered", "ANSWERED", kCount, "in time and by the right tunnel", true},
    {"lost", "LOST", kCount, "without an answer in time", true},
    {"late", "LATE", kCount, "answers after that", true},
    {"refused", "REFUSED", kCount, "answers that are duplicates or malformed", true},
    {"unsent", "UNSENT", kCount, "probes not sent: no SA, no buffer", true},
    {"interval_ms", "INTERVAL MS", kDecimal, "as configured", true},
    {"timeout_ms", "TIMEOUT MS", kDecimal, "as configured", true},
    {"fall", "FALL", kCount, "losses in a row that bring it down", true},
    {"rise", "RISE", kCount, "answers in a row that bring it up", true},
    {"worker", "WORKER", kCount, "that runs it", true},
};
constexpr SortKey kPathOrder[] = {{"path", Order::kLast, "up"}, {"tunnel", Order::kAscending}};

constexpr Column kGroups[] = {
    {"group", "GROUP", kCount, "number"},
    {"table", "TABLE", kText, "route table of its routes"},
    {"origin", "ORIGIN", kText, "of its routes; as in show.routes"},
    {"source", "SOURCE", kText, "who offers them; null for the table itself"},
    {"routes", "ROUTES", kCount, "that lead to it, or would if they were best"},
    {"kind", "KIND", kText, "neighbor, tunnel, blackhole"},
    {"next_hop", "NEXT HOP", kText, "address or tunnel; null for a blackhole"},
    {"weight", "WEIGHT", kCount, "0 to 255; 0: standby"},
    {"share_percent", "SHARE %", kDecimal, "of the flows, as the members are now"},
    {"state", "STATE", kText, "active, standby, or down"},
    {"packets", "PACKETS", kCount, "that went this way since the members were configured"},
    {"bytes", "BYTES", kBytes, "inner octets of those"},
    {"buckets", "BUCKETS", kCount, "the group's, over which flows are spread", true},
    {"reason", "REASON", kText, "why it is not active; null if it is"},
};
constexpr SortKey kGroupOrder[] = {
    {"table", Order::kAscending}, {"group", Order::kAscending}, {"next_hop", Order::kAscending}};

constexpr Column kFpm[] = {
    {"table", "TABLE", kText, "route table it feeds"},
    {"listens_at", "LISTENS AT", kText, "address and port, in the table's host namespace"},
    {"state", "STATE", kText, "connected, waiting, or cannot-listen"},
    {"age_s", "AGE", kAge, "of the connection, or since it ended; null if there was none"},
    {"routes", "ROUTES", kCount, "told by the other daemon"},
    {"next_hop_objects", "OBJECTS", kCount, "next-hop objects told or referred to"},
    {"unresolved", "UNRESOLVED", kCount, "routes whose next-hop object is not known"},
    {"unusable", "UNUSABLE", kCount, "routes no way of which leads into a tunnel or port's subnet"},
    {"stale", "STALE", kCount, "routes of the connection before, not told again yet"},
    {"stale_removed_in_s", "SWEEP IN", kAge, "until the stale ones go; null if there are none"},
    {"messages", "MESSAGES", kCount, "of routes and next-hop objects", true},
    {"refused", "REFUSED", kCount, "messages beyond a limit"},
    {"connections", "CONNECTIONS", kCount, "taken since the start", true},
    {"last_error", "LAST ERROR", kText, "why the last connection ended; null if none did"},
};
constexpr SortKey kFpmOrder[] = {{"table", Order::kAscending}};

constexpr Column kNeighbors[] = {
    {"port", "PORT", kText, "the port it is reached by"},
    {"address", "ADDRESS", kText, "IPv4 or IPv6"},
    {"mac", "MAC", kText, "null while it is unknown"},
    {"state", "STATE", kText, "reachable, stale, resolving, failed"},
    {"age_s", "AGE", kAge, "since it last answered; null if it never did"},
    {"probes", "PROBES", kCount, "sent without an answer"},
};
constexpr SortKey kNeighborOrder[] = {{"state", Order::kLast, "reachable"},
                                      {"port", Order::kAscending},
                                      {"address", Order::kAscending}};

constexpr Column kWorkers[] = {
    {"worker", "WORKER", kCount, "index"},
    {"core", "CORE", kCount, "CPU core it is pinned to"},
    {"state", "STATE", kText, "running, idle (backing off), stalled (no heartbeat)"},
    {"node", "NODE", kCount, "NUMA node of the core; null if unknown", true},
    {"queues", "QUEUES", kList, "receive queues it polls: port, dot, queue"},
    {"load_percent", "LOAD %", kDecimal, "busy cycles of all cycles, over the last second"},
    {"packets_per_second", "PKT/S", kDecimal,
     "packets from ports and from other workers, over the last second"},
    {"received", "RECEIVED", kCount, "packets from ports"},
    {"injected", "INJECTED", kCount, "packets from control", true},
    {"generated", "GENERATED", kCount, "packets made here: ICMP errors and answers", true},
    {"transmitted", "TRANSMITTED", kCount, "packets taken by ports"},
    {"punted", "PUNTED", kCount, "packets taken by control"},
    {"handed_over", "HANDED OVER", kCount, "packets given to another worker's ring"},
    {"taken_over", "TAKEN OVER", kCount, "packets taken from one"},
    {"dropped", "DROPPED", kCount, "packets dropped by name"},
    {"cycles_per_packet", "CYC/PKT", kDecimal, "busy cycles per packet received"},
    {"heartbeat_age_s", "HEARTBEAT AGE", kAge, "since the worker last said that it lives", true},
};
constexpr SortKey kWorkerOrder[] = {{"worker", Order::kAscending}};

constexpr Column kStages[] = {
    {"stage", "STAGE", kText, "part of a packet's way, all workers together"},
    {"bursts", "BURSTS", kCount, "times the stage ran"},
    {"packets", "PACKETS", kCount, "packets it ran on"},
    {"packets_per_burst", "PKT/BURST", kDecimal, "packets by bursts"},
    {"cycles_per_packet", "CYC/PKT", kDecimal, "cycles by packets"},
    {"drops", "DROPS", kCount, "packets dropped in it"},
    {"worst_drop", "WORST DROP", kText, "the most frequent name and its count; null if none"},
};
constexpr SortKey kStageOrder[] = {{"cycles_per_packet", Order::kDescending},
                                   {"stage", Order::kAscending}};

constexpr Column kLatency[] = {
    {"worker", "WORKER", kText, "index of the worker that sent them, or all"},
    {"packets", "PACKETS", kCount, "sampled: all of one received burst in 64"},
    {"mean_us", "MEAN US", kDecimal, "microseconds from receiving to sending, as all below"},
    {"p50_us", "P50 US", kDecimal, "half of them took no longer, to 3 % as all percentiles"},
    {"p99_us", "P99 US", kDecimal, "99 % of them took no longer"},
    {"p999_us", "P99.9 US", kDecimal, "99.9 % of them took no longer"},
    {"longest_us", "LONGEST US", kDecimal, "the longest of them"},
};
constexpr SortKey kLatencyOrder[] = {{"worker", Order::kLast, "all"}};

constexpr Column kDrops[] = {
    {"drop", "DROP", kText, "stage, dot, name: stable"},
    {"stage", "STAGE", kText, "where; xdp: in front of the workers", true},
    {"name", "NAME", kText, "why", true},
    {"packets", "PACKETS", kCount, "all workers together"},
    {"per_worker", "PER WORKER", kList, "the same for each worker, in their order; none of xdp"},
    {"help", "MEANING", kText, "the reason in words"},
};
constexpr SortKey kDropOrder[] = {{"packets", Order::kDescending}, {"drop", Order::kAscending}};
constexpr Column kDropTotals[] = {
    {"received", "received", kCount, "packets from ports"},
    {"injected", "injected", kCount, "packets from control"},
    {"generated", "generated", kCount, "packets the workers made"},
    {"transmitted", "transmitted", kCount, "packets taken by ports"},
    {"punted", "punted", kCount, "packets taken by control"},
    {"dropped", "dropped", kCount, "sum over the rows but those of stage xdp"},
    {"in_flight", "in flight", kCount,
     "received + injected + generated - transmitted - punted - dropped: in the workers' "
     "hands; 0 when nothing moves"},
    {"dropped_early", "dropped early", kCount,
     "sum over the rows of stage xdp: dropped in front of the workers, no part of received"},
    {"mtu_believed", "mtu believed", kCount,
     "ICMP from outside that made a tunnel's path MTU smaller, part of punted"},
    {"mtu_ignored", "mtu ignored", kCount,
     "ICMP from outside about the size of ESP packets that was not believed, or said nothing new"},
};

constexpr Column kSteering[] = {
    {"port", "PORT", kText, "an af_xdp port with Kanmon's XDP program"},
    {"frames", "FRAMES", kText, "what they are: stable; of drops the name in show.drops"},
    {"to", "TO", kText, "gateway, kernel or dropped"},
    {"packets", "PACKETS", kCount, "all CPUs together, since the port was opened"},
    {"help", "MEANING", kText, "the same in words"},
};
constexpr SortKey kSteeringOrder[] = {{"port", Order::kAscending}, {"packets", Order::kDescending}};

constexpr Column kPorts[] = {
    {"port", "PORT", kText, "name in the configuration"},
    {"device", "DEVICE", kText, "as configured"},
    {"link", "LINK", kText, "up or down"},
    {"speed_mbps", "MBIT/S", kCount, "link speed; null if it has none"},
    {"table", "TABLE", kText, "route table or underlay"},
    {"domain", "DOMAIN", kText, "overlay or underlay", true},
    {"mac", "MAC", kText, "own MAC address"},
    {"mtu", "MTU", kCount, "octets of IP"},
    {"addresses", "ADDRESSES", kList, "own addresses", true},
    {"node", "NODE", kCount, "NUMA node it is attached to; null if it has none", true},
    {"rx_queues", "RX QUEUES", kCount, "receive queues, a worker each", true},
    {"tx_queues", "TX QUEUES", kCount, "transmit queues, a worker each", true},
    {"spread", "SPREAD BY", kText,
     "who spreads what is received over the workers: device, kernel, sender, workers (by flow and "
     "by SA), off (share-out: false); - if there is one worker"},
    {"hash", "HASH", kText, "what the device hashes (RSS): ip, tcp, udp, sctp, esp-spi", true},
    {"hash_able", "CAN HASH", kText, "what it could", true},
    {"spread_note", "SPREAD NOTE", kText, "why it spreads less than it might; null if not", true},
    {"rx_packets", "RX PKT", kCount, "received"},
    {"rx_bytes", "RX BYTES", kBytes, "received"},
    {"tx_packets", "TX PKT", kCount, "sent"},
    {"tx_bytes", "TX BYTES", kBytes, "sent"},
    {"rx_missed", "RX MISSED", kCount, "lost by the NIC: no room in a queue or no buffer"},
    {"rx_errors", "RX ERRORS", kCount, "refused by the NIC", true},
    {"tx_dropped", "TX DROPPED", kCount, "not taken by the NIC in time"},
};
constexpr SortKey kPortOrder[] = {{"link", Order::kLast, "up"}, {"port", Order::kAscending}};

constexpr Column kHost[] = {
    {"device", "DEVICE", kText, "network device of the machine"},
    {"owner", "OWNER", kText, "the tunnel or port whose addresses it has"},
    {"addresses", "ADDRESSES", kList, "own addresses"},
    {"mtu", "MTU", kCount, "octets of IP"},
    {"to_host", "TO HOST", kCount, "packets the machine was given"},
    {"from_host", "FROM HOST", kCount, "packets of the machine that went to a worker"},
    {"refused_in", "REFUSED IN", kCount, "packets to the machine for no service of host-services"},
    {"refused_out", "REFUSED OUT", kCount,
     "packets of the machine from foreign addresses or to groups"},
    {"full", "FULL", kCount, "lost because the machine or the workers did not take them in time"},
};
constexpr SortKey kHostOrder[] = {{"device", Order::kAscending}};

constexpr Column kVersion[] = {
    {"version", "version", kText, "of Kanmon"},
    {"name", "name", kText, "of this gateway"},
    {"dpdk", "dpdk", kText, "DPDK release"},
    {"ipsec_mb", "ipsec-mb", kText, "IPsec-MB release"},
    {"openssl", "openssl", kText, "OpenSSL release"},
    {"isa", "isa", kText, "instruction set the data plane's cryptography uses"},
    {"crypto", "crypto", kText, "how packets are given to it: each by itself, or many at once"},
    {"uptime_s", "uptime", kAge, "since the start of the program"},
    {"config_file", "config file", kText, "what `kanmon reload` reads"},
};

constexpr View kViews[] = {
    {"tunnels",
     "Tunnels: state, peers, traffic; those that are not up first.",
     kTunnels,
     kTunnelOrder,
     {}},
    {"sas", "Child SAs, one row per direction; those that drop most first.", kSas, kSaOrder, {}},
    {"routes",
     "Routes with all candidates: where from, in use or not, and why; what is not active first.",
     kRoutes, kRouteOrder, kRouteTotals},
    {"attachments",
     "Attachments: the table that looks up their packets, the tables that have their routes.",
     kAttachments,
     kAttachmentOrder,
     {}},
    {"tables",
     "Route tables and underlays: size, associations, propagations.",
     kTables,
     kTableOrder,
     {}},
    {"bfd", "BFD sessions (RFC 5880): one row each.", kBfd, kPathOrder, {}},
    {"health", "Health probes: one row per tunnel that has one.", kHealth, kPathOrder, {}},
    {"groups",
     "Next-hop groups: several next hops that share routes by weight, one row per member.",
     kGroups,
     kGroupOrder,
     {}},
    {"fpm",
     "Tables whose routes another routing daemon gives over FPM: its connection and its routes.",
     kFpm,
     kFpmOrder,
     {}},
    {"bgp", "BGP peers and their sessions; what is not established first.", kBgpPeers,
     kBgpPeerOrder, kBgpPeerTotals},
    {"bgp-neighbor",
     "Everything about one BGP peer; `params.peer` is its name or address.",
     kBgpNeighbor,
     {},
     {},
     true},
    {"bgp-routes",
     "Routes of BGP with every path, which one won, and why the others lost, were not let in or "
     "are not used.",
     kBgpRoutes,
     {},
     kBgpRouteTotals},
    {"neighbors", "Resolved and unresolved neighbours (ARP, ND).", kNeighbors, kNeighborOrder, {}},
    {"workers", "Worker threads: load and packets.", kWorkers, kWorkerOrder, {}},
    {"stages", "Stages of the data plane; the dearest first.", kStages, kStageOrder, {}},
    {"latency",
     "How long packets were in the workers' hands, receive to transmit, since the start.",
     kLatency,
     kLatencyOrder,
     {}},
    {"drops", "Every reason packets were dropped for, and how all of them add up.", kDrops,
     kDropOrder, kDropTotals},
    {"steering",
     "What XDP programs did with frames: to the gateway, to the kernel, dropped.",
     kSteering,
     kSteeringOrder,
     {}},
    {"ports", "Ports: link, addresses, counters.", kPorts, kPortOrder, {}},
    {"host",
     "Network devices by which this machine's own programs have addresses of the gateway.",
     kHost,
     kHostOrder,
     {}},
    {"version", "Versions of the program and its libraries.", kVersion, {}, {}, true},
};

const char* type_of(Format format) {
  switch (format) {
    case kText:
      return "string";
    case kCount:
    case kBytes:
      return "integer";
    case kDecimal:
      return "number";
    case kAge:
      return "number, seconds";
    case kYesNo:
      return "boolean";
    case kList:
      return "array";
  }
  return "";
}

void append_table(std::string& out, std::span<const Column> columns, const char* what) {
  out += std::string("\n| ") + what + " | type | meaning |\n| --- | --- | --- |\n";
  for (const Column& c : columns)
    out += std::string("| `") + c.key + "` | " + type_of(c.format) + " | " + c.help + " |\n";
}

}  // namespace

std::span<const View> views() {
  return kViews;
}

const View* find_view(std::string_view name) {
  for (const View& view : kViews)
    if (name == view.name) return &view;
  return nullptr;
}

std::string views_markdown() {
  std::string out;
  for (const View& view : kViews) {
    out += std::string("\n### show.") + view.name + "\n\n" + view.help + "\n";
    append_table(out, view.columns, view.is_object ? "key" : "key of a row");
    if (!view.totals.empty()) append_table(out, view.totals, "key of `totals`");
  }
  return out;
}

}  // namespace kanmon::api
