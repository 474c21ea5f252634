// What `kanmon --help` ends with.
#pragma once

namespace kanmon::cli {

inline constexpr const char* kFooter = R"(
Examples:
  kanmon validate /etc/kanmon/kanmon.yaml   every problem of a file, without a daemon
  kanmon show tunnels                       state of all tunnels, those that are not up first
  kanmon show tunnels branch --wide         everything about one
  kanmon show routes --table main 10.2.0.9  which route a packet to 10.2.0.9 takes, and which not
  kanmon show bgp routes 10.2.0.0/16        paths of BGP to these prefixes, and why each lost
  kanmon drain --tunnel branch              move traffic away from a tunnel's BGP peers
  kanmon show drops --watch 1               what is dropped and why, once a second
  kanmon --json show sas                    the same for programs
  kanmon trace host 10.2.0.9 proto icmp     the way of the next ten such packets, stage by stage
  kanmon capture tunnel branch -w - | tshark -r -   its packets, inner and outer
  kanmon capture tunnel branch -w b.pcapng --export-keys keys   with keys to decrypt it
  kanmon tunnel rekey branch --ike          new keys for the IKE SA
  kanmon reload                             read the configuration again; all or nothing

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon answers.)";

}  // namespace kanmon::cli
