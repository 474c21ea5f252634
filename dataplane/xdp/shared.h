// What the XDP program and the process that loads it share: map layouts, sizes, verdicts. C, so
// that both compilers read the same lines.
#pragma once

#ifdef __cplusplus
namespace kanmon::xdp {
#endif

// What becomes of a frame. To the gateway: everything below kVerdictKernel; to the kernel:
// everything below kVerdictUnknownSpi; the rest is dropped.
enum Verdict {
  kVerdictEsp,
  kVerdictEspInUdp,
  kVerdictIke,
  kVerdictBfd,
  kVerdictIcmp,
  kVerdictNeighbour,
  kVerdictOther,
  kVerdictKernel,
  kVerdictNoSocket,
  kVerdictUnknownSpi,
  kVerdictReservedSpi,
  kVerdictEspTooShort,
  kVerdicts,
};

enum Role { kRoleNone, kRoleOverlay, kRoleUnderlay };

enum Sizes {
  // The low bits of an SPI are its place in the map of known SPIs, as in the workers' SA table.
  kSpiSlots = 65536,
  // RFC 4303 section 2.1: 1 … 255 are reserved, 0 is for local use.
  kFirstValidSpi = 256,
  // SPI, sequence number, the smallest trailer (two octets of padding, its length, next header) and
  // the smallest ICV (96 bits): no transform makes less.
  kEspMinimum = 4 + 4 + 4 + 12,
  kSockets = 64,
  kKernelAddresses = 64,
};

// The one value of the map "port". Eight octets, so that it changes in one store.
struct PortRules {
  unsigned char role;
  unsigned char shared;  // the kernel has addresses on this interface
  unsigned char mac[6];
};

// Key of the map "kernel_addresses": IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
struct AddressKey {
  unsigned char octets[16];
};

#ifdef __cplusplus
}  // namespace kanmon::xdp
#endif
