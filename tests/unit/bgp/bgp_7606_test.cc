// RFC 7606 row by row: BGP-03, and past bugs 35 and 36. Each row puts one thing wrong into an
// UPDATE that announces 10.0.0.0/8 and withdraws 11.0.0.0/8, and says from the RFC what is to
// follow for an external and an internal peer.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/bgp/update_support.h"

namespace kanmon::bgp {
namespace {

constexpr Action A = Action::kAccept;
constexpr Action D = Action::kDiscard;
constexpr Action W = Action::kWithdraw;
constexpr Action R = Action::kReset;

struct Row {
  const char* name;
  uint8_t flags;
  uint8_t type;
  const char* value;
  Action external;
  Action internal;
  bool as4 = true;
};

const Row kRows[] = {
    // 7.1 ORIGIN: length 1, values 0 to 2
    {"origin empty", 0x40, 1, "", W, W},
    {"origin of two octets", 0x40, 1, "0000", W, W},
    {"origin 0", 0x40, 1, "00", A, A},
    {"origin 2", 0x40, 1, "02", A, A},
    {"origin 3", 0x40, 1, "03", W, W},
    {"origin 255", 0x40, 1, "ff", W, W},
    {"origin optional", 0xc0, 1, "00", W, W},
    {"origin not transitive", 0x00, 1, "00", W, W},
    {"origin partial", 0x60, 1, "00", A, A},  // 3 (c) speaks of the other two bits
    {"origin with unused bits", 0x4f, 1, "00", A, A},
    {"origin in the long form", 0x50, 1, "00", A, A},
    // 7.2 AS_PATH
    {"path empty", 0x40, 2, "", W, A},  // external: does not begin with the peer
    {"path good", 0x40, 2, "02 02 0000fde9 0000fdea", A, A},
    {"path with a set", 0x40, 2, "02 01 0000fde9 01 02 00000001 00000002", A, A},
    {"path begins with another", 0x40, 2, "02 01 0000fdea", W, A},
    {"path begins with a set", 0x40, 2, "01 01 0000fde9", W, A},
    {"path segment type 0", 0x40, 2, "00 01 0000fde9", W, W},
    {"path confederation sequence", 0x40, 2, "03 01 0000fde9", W, W},
    {"path confederation set", 0x40, 2, "04 01 0000fde9", W, W},
    {"path segment type 5", 0x40, 2, "05 01 0000fde9", W, W},
    {"path segment type 255", 0x40, 2, "ff 01 0000fde9", W, W},
    {"path segment of none", 0x40, 2, "02 01 0000fde9 02 00", W, W},
    {"path overrun", 0x40, 2, "02 02 0000fde9", W, W},
    {"path overrun by a lot", 0x40, 2, "02 ff 0000fde9", W, W},
    {"path underrun", 0x40, 2, "02 01 0000fde9 02", W, W},
    {"path one octet", 0x40, 2, "02", W, W},
    {"path with AS 0 first", 0x40, 2, "02 01 00000000", W, W},  // RFC 7607
    {"path with AS 0 behind", 0x40, 2, "02 03 0000fde9 00000000 00000001", W, W},
    {"path with AS 0 in a set", 0x40, 2, "02 01 0000fde9 01 01 00000000", W, W},
    {"path with AS_TRANS", 0x40, 2, "02 02 0000fde9 00005ba0", A, A},
    {"path optional", 0xc0, 2, "02 01 0000fde9", W, W},
    {"path not transitive", 0x00, 2, "02 01 0000fde9", W, W},
    {"path of two octets read as four", 0x40, 2, "02 01 fde9", W, W},
    {"path of two octets", 0x40, 2, "02 02 fde9 fdea", A, A, false},
    {"path of four octets read as two", 0x40, 2, "02 01 0000fde9", W, W, false},
    // 7.3 NEXT_HOP
    {"next hop empty", 0x40, 3, "", W, W},
    {"next hop of three octets", 0x40, 3, "c00002", W, W},
    {"next hop of five octets", 0x40, 3, "c000020100", W, W},
    {"next hop of sixteen octets", 0x40, 3, "20010db8000000000000000000000001", W, W},
    {"next hop optional", 0xc0, 3, "c0000201", W, W},
    {"next hop 0.0.0.0", 0x40, 3, "00000000", W, W},  // BGP-07, RFC 4271 section 6.3
    {"next hop 0.0.0.1", 0x40, 3, "00000001", W, W},
    {"next hop 127.0.0.1", 0x40, 3, "7f000001", W, W},
    {"next hop 224.0.0.5", 0x40, 3, "e0000005", W, W},
    {"next hop 240.0.0.1", 0x40, 3, "f0000001", W, W},
    {"next hop 255.255.255.255", 0x40, 3, "ffffffff", W, W},
    {"next hop ourselves", 0x40, 3, "c0000263", W, W},
    {"next hop 169.254.1.1", 0x40, 3, "a9fe0101", A, A},
    // 7.4 MULTI_EXIT_DISC
    {"med good", 0x80, 4, "ffffffff", A, A},
    {"med empty", 0x80, 4, "", W, W},
    {"med of three octets", 0x80, 4, "000001", W, W},
    {"med of five octets", 0x80, 4, "0000000001", W, W},
    {"med transitive", 0xc0, 4, "00000001", W, W},
    {"med well-known", 0x40, 4, "00000001", W, W},
    // 7.5 LOCAL_PREF
    {"local pref good", 0x40, 5, "00000064", D, A},
    {"local pref empty", 0x40, 5, "", D, W},
    {"local pref of three octets", 0x40, 5, "000064", D, W},
    {"local pref of five octets", 0x40, 5, "0000000064", D, W},
    {"local pref optional", 0xc0, 5, "00000064", D, W},
    // 7.6 ATOMIC_AGGREGATE
    {"atomic good", 0x40, 6, "", A, A},
    {"atomic of one octet", 0x40, 6, "00", D, D},
    {"atomic optional", 0xc0, 6, "", W, W},
    // 7.7 AGGREGATOR
    {"aggregator good", 0xc0, 7, "0000fde9 c0000201", A, A},
    {"aggregator empty", 0xc0, 7, "", D, D},
    {"aggregator of two octets", 0xc0, 7, "fde9 c0000201", D, D},
    {"aggregator of seven octets", 0xc0, 7, "00fde9 c0000201", D, D},
    {"aggregator of nine octets", 0xc0, 7, "0000fde9 c000020100", D, D},
    {"aggregator AS 0", 0xc0, 7, "00000000 c0000201", D, D},  // RFC 7607
    {"aggregator not transitive", 0x80, 7, "0000fde9 c0000201", W, W},
    {"aggregator partial", 0xe0, 7, "0000fde9 c0000201", A, A},
    {"aggregator of an old speaker", 0xc0, 7, "fde9 c0000201", A, A, false},
    {"aggregator too new", 0xc0, 7, "0000fde9 c0000201", D, D, false},
    // 7.8 COMMUNITIES
    {"communities good", 0xc0, 8, "fde90001 ffff0000", A, A},
    {"communities empty", 0xc0, 8, "", W, W},
    {"communities of three octets", 0xc0, 8, "fde900", W, W},
    {"communities of five octets", 0xc0, 8, "fde9000100", W, W},
    {"communities of six octets", 0xc0, 8, "fde900010000", W, W},
    {"communities not transitive", 0x80, 8, "fde90001", W, W},
    {"communities well-known", 0x40, 8, "fde90001", W, W},
    // 7.9 ORIGINATOR_ID
    {"originator good", 0x80, 9, "0a000001", D, A},
    {"originator empty", 0x80, 9, "", D, W},
    {"originator of three octets", 0x80, 9, "0a0000", D, W},
    {"originator of five octets", 0x80, 9, "0a00000100", D, W},
    {"originator transitive", 0xc0, 9, "0a000001", D, W},
    // 7.10 CLUSTER_LIST
    {"clusters good", 0x80, 10, "0a000001 0a000002", D, A},
    {"clusters empty", 0x80, 10, "", D, W},
    {"clusters of three octets", 0x80, 10, "0a0000", D, W},
    {"clusters of six octets", 0x80, 10, "0a0000010a00", D, W},
    {"clusters transitive", 0xc0, 10, "0a000001", D, W},
    // 5.3 and 7.11 MP_REACH_NLRI
    {"reach good", 0x80, 14, "0002 01 10 20010db8000000000000000000000001 00 20 20010db8", A, A},
    {"reach without routes", 0x80, 14, "0002 01 10 20010db8000000000000000000000001 00", A, A},
    {"reach with a link-local address", 0x80, 14,
     "0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 20 20010db8",
     A, A},
    {"reach empty", 0x80, 14, "", R, R},
    {"reach of four octets", 0x80, 14, "0002 01 00", R, R},
    {"reach next hop of none", 0x80, 14, "0002 01 00 00 20 20010db8", R, R},
    {"reach next hop of four octets", 0x80, 14, "0002 01 04 c0000201 00 20 20010db8", R, R},
    {"reach next hop of fifteen octets", 0x80, 14,
     "0002 01 0f 20010db80000000000000000000001 00 20 20010db8", R, R},
    {"reach next hop of 24 octets", 0x80, 14,
     "0002 01 18 20010db8000000000000000000000001 0000000000000000 00", R, R},
    {"reach next hop beyond the end", 0x80, 14, "0002 01 20 20010db8000000000000000000000001 00", R,
     R},
    {"reach without the reserved octet", 0x80, 14, "0002 01 10 20010db8000000000000000000000001", R,
     R},
    {"reach next hop of IPv4 too long", 0x80, 14,
     "0001 01 10 20010db8000000000000000000000001 00 08 0c", R, R},  // RFC 8950 was not agreed on
    {"reach of IPv4", 0x80, 14, "0001 01 04 c0000201 00 08 0c", A, A},
    {"reach prefix of 129 bits", 0x80, 14,
     "0002 01 10 20010db8000000000000000000000001 00 81 0000000000000000000000000000000000", R, R},
    {"reach prefix cut", 0x80, 14, "0002 01 10 20010db8000000000000000000000001 00 20 20010d", R,
     R},
    {"reach transitive", 0xc0, 14, "0002 01 10 20010db8000000000000000000000001 00 20 20010db8", R,
     R},
    {"reach well-known", 0x40, 14, "0002 01 10 20010db8000000000000000000000001 00 20 20010db8", R,
     R},
    {"reach next hop unspecified", 0x80, 14,
     "0002 01 10 00000000000000000000000000000000 00 20 20010db8", W, W},
    {"reach next hop loopback", 0x80, 14,
     "0002 01 10 00000000000000000000000000000001 00 20 20010db8", W, W},
    {"reach next hop multicast", 0x80, 14,
     "0002 01 10 ff020000000000000000000000000001 00 20 20010db8", W, W},
    {"reach next hop ourselves", 0x80, 14,
     "0002 01 10 20010db8000000000000000000000099 00 20 20010db8", W, W},
    {"reach of a family not agreed on", 0x80, 14, "0001 80 0c 0000000000000000c0000201 00 70 0000",
     A, A},
    // 5.3 and 7.12 MP_UNREACH_NLRI
    {"unreach good", 0x80, 15, "0002 01 20 20010db8", A, A},
    {"unreach empty", 0x80, 15, "", R, R},
    {"unreach of two octets", 0x80, 15, "0002", R, R},
    {"unreach prefix of 129 bits", 0x80, 15, "0002 01 81 0000000000000000000000000000000000", R, R},
    {"unreach prefix cut", 0x80, 15, "0002 01 20 20010d", R, R},
    {"unreach of IPv4 with 33 bits", 0x80, 15, "0001 01 21 0a00000000", R, R},
    {"unreach transitive", 0xc0, 15, "0002 01 20 20010db8", R, R},
    {"unreach of a family not agreed on", 0x80, 15, "0019 46 ff", A, A},
    // 7.14 EXTENDED COMMUNITIES
    {"extended good", 0xc0, 16, "0002 fde9 00000001", A, A},
    {"extended empty", 0xc0, 16, "", W, W},
    {"extended of seven octets", 0xc0, 16, "0002 fde9 000001", W, W},
    {"extended of twelve octets", 0xc0, 16, "0002 fde9 00000001 00000000", W, W},
    {"extended not transitive", 0x80, 16, "0002 fde9 00000001", W, W},
    // RFC 6793 section 6 AS4_PATH and AS4_AGGREGATOR; from a new speaker unread (section 4.1)
    {"as4 path good", 0xc0, 17, "02 01 0000fde9", A, A, false},
    {"as4 path empty", 0xc0, 17, "", D, D, false},
    {"as4 path of four octets", 0xc0, 17, "02 01 0000", D, D, false},
    {"as4 path odd", 0xc0, 17, "02 01 0000fde9 00", D, D, false},
    {"as4 path segment of none", 0xc0, 17, "02 00 0000fde9", D, D, false},
    {"as4 path overrun", 0xc0, 17, "02 02 0000fde9", D, D, false},
    {"as4 path segment type 5", 0xc0, 17, "05 01 0000fde9", D, D, false},
    {"as4 path AS 0", 0xc0, 17, "02 01 00000000", D, D, false},
    {"as4 path confederation", 0xc0, 17, "03 01 0000fdea 02 01 0000fde9", A, A, false},
    {"as4 path of a new speaker", 0xc0, 17, "ff", A, A},
    {"as4 path not transitive", 0x80, 17, "02 01 0000fde9", W, W, false},
    {"as4 aggregator good", 0xc0, 18, "0001fde9 c0000201", A, A, false},
    {"as4 aggregator of six octets", 0xc0, 18, "fde9 c0000201", D, D, false},
    {"as4 aggregator AS 0", 0xc0, 18, "00000000 c0000201", D, D, false},
    {"as4 aggregator of a new speaker", 0xc0, 18, "00", A, A},
    // 7.15 IPv6 address specific extended communities
    {"ipv6 extended good", 0xc0, 25, "0002 20010db8000000000000000000000001 0001", A, A},
    {"ipv6 extended empty", 0xc0, 25, "", W, W},
    {"ipv6 extended of 19 octets", 0xc0, 25, "0002 20010db8000000000000000000000001 00", W, W},
    // RFC 8092 section 6
    {"large good", 0xc0, 32, "0000fde9 00000001 00000002", A, A},
    {"large empty", 0xc0, 32, "", W, W},
    {"large of eleven octets", 0xc0, 32, "0000fde9 00000001 000000", W, W},
    {"large of sixteen octets", 0xc0, 32, "0000fde9 00000001 00000002 00000003", W, W},
    {"large not transitive", 0x80, 32, "0000fde9 00000001 00000002", W, W},
    // What is not known; 23 is past bug 35 (tunnel encapsulation, any value)
    {"unknown optional transitive", 0xc0, 99, "00ff", A, A},
    {"unknown optional", 0x80, 99, "00ff", A, A},
    {"tunnel encapsulation that is corrupt", 0xc0, 23, "ff", A, A},
    {"tunnel encapsulation that is empty", 0xc0, 23, "", A, A},
    {"unknown well-known", 0x40, 99, "00ff", R, R},
    {"unknown well-known, not transitive", 0x00, 99, "", R, R},
    {"attribute 0", 0xc0, 0, "00", A, A},
    {"attribute 255", 0xc0, 255, "00", A, A},
};

std::string text_of(const Row& row, bool external) {
  return std::string(row.name) + (external ? ", external" : ", internal");
}

// The good attributes, with that of `row` in the place of its type.
Octets attributes_of(const Row& row, bool external) {
  const Octets path = row.as4 ? kPath : attribute(0x40, 2, hex("02 01 fde9"));
  Octets out;
  bool is_placed = false;
  for (const Octets& good : {kOrigin, path, kNextHop, kLocalPref}) {
    if (good[1] == 5 && external) continue;
    if (good[1] == row.type) {
      is_placed = true;
      out = out + attribute(row.flags, row.type, hex(row.value));
    } else {
      out = out + good;
    }
  }
  return is_placed ? out : out + attribute(row.flags, row.type, hex(row.value));
}

bool holds(const std::vector<Nlri>& list, const Nlri& n) {
  return std::find(list.begin(), list.end(), n) != list.end();
}

TEST(Bgp7606, Bgp03EveryRow) {
  for (const Row& row : kRows)
    for (const bool external : {true, false}) {
      UpdateContext context = context_of(external);
      context.as4 = row.as4;
      Update got;
      const Verdict v =
          parse_update(update_body(kNet11, attributes_of(row, external), kNet10), context, got);
      const Action wanted = external ? row.external : row.internal;
      EXPECT_EQ(v.has_value(), wanted == R) << text_of(row, external);
      EXPECT_EQ(got.action, wanted) << text_of(row, external) << ": " << to_string(got.action);
      if (v) {
        EXPECT_EQ(v->code, 3) << text_of(row, external);
        continue;
      }
      EXPECT_TRUE(holds(got.withdrawn, net("11.0.0.0/8"))) << text_of(row, external);
      EXPECT_EQ(holds(got.withdrawn, net("10.0.0.0/8")), wanted == W) << text_of(row, external);
      EXPECT_EQ(holds(got.plain.nlri, net("10.0.0.0/8")), wanted != W) << text_of(row, external);
      EXPECT_TRUE(wanted != W || got.multiprotocol.nlri.empty()) << text_of(row, external);
      EXPECT_EQ(got.faults.empty(), wanted == A) << text_of(row, external);
    }
}

// Section 5.2: the same faults in a message that announces nothing reset the session, since routes
// may be hidden; what is only discarded does not.
TEST(Bgp7606, Bgp03WithoutRoutesAWithdrawalBecomesAReset) {
  for (const Row& row : kRows)
    for (const bool external : {true, false}) {
      if (row.type == 14 || row.type == 3 || row.type == 2)
        continue;  // these depend on there being routes
      UpdateContext context = context_of(external);
      context.as4 = row.as4;
      Update got;
      const Octets attributes = attribute(row.flags, row.type, hex(row.value));
      const Verdict v = parse_update(update_body({}, attributes, {}), context, got);
      const Action wanted = external ? row.external : row.internal;
      EXPECT_EQ(v.has_value(), wanted >= W) << text_of(row, external);
    }
}

// Section 3 (g).
TEST(Bgp7606, Bgp05Duplicates) {
  for (const Row& row : kRows) {
    if (row.external != A || row.internal != A || !row.as4) continue;
    Update got;
    const Octets once = attributes_of(row, false);
    const Octets twice = once + attribute(row.flags, row.type, hex("00"));
    const Verdict v = parse_update(update_body(kNet11, twice, kNet10), context_of(false), got);
    if (row.type == 14 || row.type == 15) {
      EXPECT_EQ(v, (Notification{3, 1, {}})) << row.name;
      continue;
    }
    // The first one counts, whatever the second holds.
    Update first;
    ASSERT_FALSE(parse_update(update_body(kNet11, once, kNet10), context_of(false), first));
    EXPECT_FALSE(v) << row.name;
    EXPECT_EQ(got.action, D) << row.name;
    EXPECT_EQ(got.attributes, first.attributes) << row.name;
    EXPECT_EQ(got.plain.nlri, first.plain.nlri);
    EXPECT_EQ(got.plain.next_hop, first.plain.next_hop);
  }
}

// Section 3 (d), BGP-04 and past bug 36: routes without attributes never get through.
TEST(Bgp7606, Bgp04MissingAttributes) {
  for (const bool external : {true, false})
    for (unsigned present = 0; present < 16; ++present) {
      Octets attributes;
      const Octets* all[] = {&kOrigin, &kPath, &kNextHop, &kLocalPref};
      for (unsigned i = 0; i < 4; ++i)
        if ((present >> i & 1) != 0) attributes = attributes + *all[i];
      const unsigned needed = external ? 7 : 15;
      Update got;
      ASSERT_FALSE(parse_update(update_body({}, attributes, kNet10), context_of(external), got));
      const bool is_whole = (present & needed) == needed;
      EXPECT_EQ(got.plain.nlri.size(), is_whole ? 1u : 0u) << external << present;
      EXPECT_EQ(got.withdrawn.size(), is_whole ? 0u : 1u) << external << present;
      // In MP_REACH_NLRI the next hop is inside.
      const Octets reach = mp_reach(hex("0002 01"), kV6Next, kV6Net);
      ASSERT_FALSE(
          parse_update(update_body({}, reach + attributes, {}), context_of(external), got));
      const bool is_mp_whole = (present & needed & ~4u) == (needed & ~4u);
      EXPECT_EQ(got.multiprotocol.nlri.size(), is_mp_whole ? 1u : 0u) << external << present;
    }
}

TEST(Bgp7606, Bgp04UnreachBesideRoutes) {
  Update got;
  const Octets attributes = mp_unreach(hex("0002 01"), kV6Net);
  ASSERT_FALSE(parse_update(update_body({}, attributes, kNet10), context_of(true), got));
  EXPECT_EQ(got.action, W);
  EXPECT_EQ(got.withdrawn.size(), 2u);
  EXPECT_FALSE(got.end_of_rib);
}

// Section 4: the list of attributes ends within one; its length still says where the routes begin.
TEST(Bgp7606, Bgp03AttributesThatEndTooEarly) {
  const Octets good = kOrigin + kPath + kNextHop;
  for (const Octets& tail : {hex("80"), hex("80 04"), hex("80 04 04 000000"), hex("90 04 00"),
                             hex("90 04 00 05 00000000"), hex("c0 63 ff")}) {
    Update got;
    ASSERT_FALSE(parse_update(update_body({}, good + tail, kNet10), context_of(true), got));
    EXPECT_EQ(got.action, W);
    EXPECT_EQ(got.withdrawn, std::vector<Nlri>{net("10.0.0.0/8")});
    // Without a route to be seen the session is reset (section 5.2).
    EXPECT_EQ(parse_update(update_body({}, good + tail, {}), context_of(true), got),
              (Notification{3, 1, {}}));
  }
}

// Section 3 (h): of several faults the strongest counts, in either order.
TEST(Bgp7606, Bgp03TheStrongestFaultCounts) {
  const Octets discard = attribute(0xc0, 7, hex("00")), withdraw = attribute(0x80, 4, hex("00")),
               reset = attribute(0x40, 99, {});
  const Octets good = kOrigin + kPath + kNextHop;
  for (const Octets& both : {discard + withdraw, withdraw + discard}) {
    Update got;
    EXPECT_FALSE(parse_update(update_body({}, good + both, kNet10), context_of(true), got));
    EXPECT_EQ(got.action, W);
    EXPECT_EQ(got.faults.size(), 2u);
  }
  for (const Octets& both : {reset + withdraw, withdraw + reset}) {
    Update got;
    EXPECT_EQ(parse_update(update_body({}, good + both, kNet10), context_of(true), got),
              (Notification{3, 2, reset}));
  }
}

// BGP-09, past bug 33: data of a NOTIFICATION is the attribute received and nothing behind it.
TEST(Bgp7606, Bgp09DataIsTheAttribute) {
  const Octets reach = mp_reach(hex("0002 01"), hex("c0000201"), kV6Net);
  Update got;
  EXPECT_EQ(parse_update(update_body({}, kOrigin + reach + kPath, kNet10), context_of(true), got),
            (Notification{3, 9, reach}));
}

TEST(Bgp7606, ManyFaultsTakeNoMoreRoom) {
  Octets attributes = kOrigin + kPath + kNextHop;
  for (unsigned i = 0; i < 1000; ++i) attributes = attributes + kOrigin;
  Update got;
  EXPECT_FALSE(parse_update(update_body({}, attributes, kNet10), context_of(true), got));
  EXPECT_EQ(got.faults.size(), Update::kMaxFaults);
  EXPECT_EQ(got.plain.nlri.size(), 1u);
}

// The table of the code says the same as the RFC about what no row above can show.
TEST(Bgp7606, EveryAttributeHasARowHere) {
  for (const AttributeRule& rule : attribute_rules()) {
    const auto rows = std::count_if(std::begin(kRows), std::end(kRows), [&](const Row& row) {
      return row.type == static_cast<uint8_t>(rule.type);
    });
    EXPECT_GE(rows, 3) << rule.name;
  }
}

}  // namespace
}  // namespace kanmon::bgp
