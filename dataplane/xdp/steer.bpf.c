// Which frames of an interface are the gateway's, which the kernel's, and which are worth nobody's
// time.
//
// A frame is dropped only where a worker would certainly drop it, and only on an underlay: ESP
// whose SPI no inbound SA has, whose SPI is reserved, or which is too short for any transform. In
// doubt (fragments, extension headers, lengths that contradict each other) a frame is the
// gateway's, which has a name for every reason. Never stateful, never answers.
//
// Without a socket for the queue everything goes to the kernel: a program that outlives its process
// harms nobody.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "dataplane/xdp/shared.h"

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, kSockets);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

// [slot]: the inbound SPI that has it, or 0. Written by control, before an SA works and after it is
// gone.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, kSpiSlots);
  __type(key, __u32);
  __type(value, __u64);
} known_spis SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct PortRules);
} port SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_RDONLY_PROG);
  __uint(max_entries, kKernelAddresses);
  __type(key, struct AddressKey);
  __type(value, __u8);
} kernel_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, kVerdicts);
  __type(key, __u32);
  __type(value, __u64);
} verdicts SEC(".maps");

enum Numbers {
  kEthernet = sizeof(struct ethhdr),
  kArpTarget = 24,         // RFC 826: the target's protocol address, for IPv4 over Ethernet
  kTarget = 8,             // RFC 4861 sections 4.3 and 4.4: of a neighbour solicitation or answer
  kFragmentMask = 0x3fff,  // more fragments, and the offset
  kOffsetMask = 0x1fff,
  kPortIke = 500,
  kPortIkeNat = 4500,
  kPortBfd = 3784,          // RFC 5881
  kPortBfdEcho = 3785,      // RFC 5881
  kPortBfdMultihop = 4784,  // RFC 5883
  kSolicitation = 135,
  kAdvertisement = 136,
  kFirstDiscovery = 133,
  kLastDiscovery = 137,
  kKeepalive = 0xff,         // RFC 3948 section 2.3
  kFurthest = 14 + 60 + 40,  // no offset here is larger; tells the verifier so
};

struct Frame {
  const __u8* begin;
  const __u8* end;
};

// `octets` octets from `at` on, or null if the frame ends before.
static __always_inline const void* look(struct Frame f, __u32 at, __u32 octets) {
  if (at > kFurthest) return 0;
  const __u8* p = f.begin + at;
  if (p + octets > f.end) return 0;
  // The check is made once, here, with this register: the verifier has to see that.
  asm volatile("" : "+r"(p));
  return p;
}

static __always_inline int is_kernel4(const __u8* address) {
  struct AddressKey key = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
  __builtin_memcpy(key.octets + 12, address, 4);
  return bpf_map_lookup_elem(&kernel_addresses, &key) != 0;
}

static __always_inline int is_kernel6(const void* address) {
  struct AddressKey key;
  __builtin_memcpy(key.octets, address, sizeof key);
  return bpf_map_lookup_elem(&kernel_addresses, &key) != 0;
}

// `length` is what the headers say is there from `at` on.
static __always_inline int judge_esp(struct Frame f, __u32 at, __u32 length, int fragment,
                                     int good) {
  if (length < 8 || (!fragment && length < kEspMinimum)) return kVerdictEspTooShort;
  const __be32* field = look(f, at, 4);
  if (!field) return kVerdictOther;
  const __u32 spi = bpf_ntohl(*field);
  if (spi < kFirstValidSpi) return kVerdictReservedSpi;
  const __u32 slot = spi & (kSpiSlots - 1);
  const __u64* known = bpf_map_lookup_elem(&known_spis, &slot);
  return known && *known == spi ? good : kVerdictUnknownSpi;
}

// RFC 3948 section 2: IKE after four octets of zero, one octet of 0xff, or ESP.
static __always_inline int judge_4500(struct Frame f, __u32 at, __u32 length, int fragment) {
  const __u8* first = look(f, at, 1);
  if (!first || length == 0 || (length == 1 && *first == kKeepalive)) return kVerdictIke;
  const __be32* marker = look(f, at, 4);
  if (marker && length >= 4 && *marker == 0) return kVerdictIke;
  return judge_esp(f, at, length, fragment, kVerdictEspInUdp);
}

static __always_inline int judge_udp(struct Frame f, __u32 at, __u32 length, int fragment) {
  const struct udphdr* udp = look(f, at, sizeof *udp);
  if (!udp || length < sizeof *udp) return kVerdictOther;
  switch (bpf_ntohs(udp->dest)) {
    case kPortIke:
      return kVerdictIke;
    case kPortIkeNat:
      if (!fragment && bpf_ntohs(udp->len) != length) return kVerdictOther;
      return judge_4500(f, at + sizeof *udp, length - sizeof *udp, fragment);
    case kPortBfd:
    case kPortBfdEcho:
    case kPortBfdMultihop:
      return kVerdictBfd;
    default:
      return kVerdictOther;
  }
}

static __always_inline int judge_upper(struct Frame f, __u8 protocol, __u32 at, __u32 length,
                                       int fragment) {
  switch (protocol) {
    case IPPROTO_ESP:
      return judge_esp(f, at, length, fragment, kVerdictEsp);
    case IPPROTO_UDP:
      return judge_udp(f, at, length, fragment);
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return kVerdictIcmp;
    default:
      return kVerdictOther;
  }
}

static __always_inline int judge_ip4(struct Frame f, const struct PortRules* rules, int group) {
  const struct iphdr* ip = look(f, kEthernet, sizeof *ip);
  if (!ip || ip->version != 4 || ip->ihl < 5) return kVerdictOther;
  if (rules->shared && (group || is_kernel4((const __u8*)&ip->daddr))) return kVerdictKernel;
  const __u32 header = ip->ihl * 4, total = bpf_ntohs(ip->tot_len);
  const __u16 fragment = bpf_ntohs(ip->frag_off);
  if (rules->role != kRoleUnderlay || group || total < header || (fragment & kOffsetMask) != 0)
    return kVerdictOther;
  return judge_upper(f, ip->protocol, kEthernet + header, total - header,
                     (fragment & kFragmentMask) != 0);
}

static __always_inline int judge_discovery(struct Frame f, const struct PortRules* rules,
                                           const struct ipv6hdr* ip, __u8 type, int group) {
  if (!rules->shared) return kVerdictNeighbour;
  if (type == kSolicitation || type == kAdvertisement) {
    const void* target = look(f, kEthernet + sizeof *ip + kTarget, sizeof ip->daddr);
    return target && is_kernel6(target) ? kVerdictKernel : kVerdictNeighbour;
  }
  return group ? kVerdictKernel : kVerdictNeighbour;
}

static __always_inline int judge_ip6(struct Frame f, const struct PortRules* rules, int group) {
  const struct ipv6hdr* ip = look(f, kEthernet, sizeof *ip);
  if (!ip || ip->version != 6) return kVerdictOther;
  if (rules->shared && is_kernel6(&ip->daddr)) return kVerdictKernel;
  const __u32 at = kEthernet + sizeof *ip;
  const __u8* type = look(f, at, 1);
  if (ip->nexthdr == IPPROTO_ICMPV6 && type && *type >= kFirstDiscovery && *type <= kLastDiscovery)
    return judge_discovery(f, rules, ip, *type, group);
  if (group) return rules->shared ? kVerdictKernel : kVerdictOther;
  if (rules->role != kRoleUnderlay) return kVerdictOther;
  return judge_upper(f, ip->nexthdr, at, bpf_ntohs(ip->payload_len), 0);
}

static __always_inline int judge_arp(struct Frame f, const struct PortRules* rules) {
  const __u8* target = look(f, kEthernet + kArpTarget, 4);
  return rules->shared && target && is_kernel4(target) ? kVerdictKernel : kVerdictNeighbour;
}

static __always_inline int is_for(const struct ethhdr* ethernet, const __u8* mac) {
  const __u8* to = ethernet->h_dest;
  return *(const __u32*)to == *(const __u32*)mac &&
         *(const __u16*)(to + 4) == *(const __u16*)(mac + 4);
}

static __always_inline int judge(struct Frame f) {
  const __u32 zero = 0;
  const struct PortRules* rules = bpf_map_lookup_elem(&port, &zero);
  const struct ethhdr* ethernet = look(f, 0, sizeof *ethernet);
  if (!rules || rules->role == kRoleNone || !ethernet) return kVerdictOther;
  const int group = ethernet->h_dest[0] & 1;
  if (!group && !is_for(ethernet, rules->mac)) return kVerdictKernel;
  switch (bpf_ntohs(ethernet->h_proto)) {
    case ETH_P_IP:
      return judge_ip4(f, rules, group);
    case ETH_P_IPV6:
      return judge_ip6(f, rules, group);
    case ETH_P_ARP:
      return judge_arp(f, rules);
    default:
      return kVerdictKernel;
  }
}

static __always_inline void count(__u32 verdict) {
  __u64* packets = bpf_map_lookup_elem(&verdicts, &verdict);
  if (packets) ++*packets;
}

SEC("xdp")
int kanmon_steer(struct xdp_md* context) {
  const struct Frame f = {(const __u8*)(long)context->data, (const __u8*)(long)context->data_end};
  const __u32 queue = context->rx_queue_index;
  const int verdict = bpf_map_lookup_elem(&xsks_map, &queue) ? judge(f) : kVerdictNoSocket;
  count(verdict);
  if (verdict >= kVerdictUnknownSpi) return XDP_DROP;
  if (verdict >= kVerdictKernel) return XDP_PASS;
  return bpf_redirect_map(&xsks_map, queue, XDP_PASS);
}

const char kLicense[] SEC("license") = "Dual BSD/GPL";
