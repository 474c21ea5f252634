// Rekeying without end costs no memory (IKE-40): two engines, a fake clock, a fake wire.
//
// KANMON_REKEYS=100000 in the environment makes it the long run; by default it takes seconds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include "tests/support/two_peers.h"

namespace kanmon::test {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kOwnAllocator = true;  // AddressSanitizer keeps what was freed
#elif defined(__has_feature)
constexpr bool kOwnAllocator = __has_feature(address_sanitizer);
#else
constexpr bool kOwnAllocator = false;
#endif

// An IKE rekeying follows so many child rekeyings.
constexpr uint32_t kChildPerIke = 100;
// Checkpoints after the first, which ends the warm-up.
constexpr uint32_t kCheckpoints = 10;
constexpr int64_t kMaxGrowthBytes = 1 << 20;

uint32_t rekeys_wanted() {
  const char* text = std::getenv("KANMON_REKEYS");
  return text == nullptr ? 10'000 : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

int64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  long long total = 0, resident = 0;
  const int got = std::fscanf(file, "%lld %lld", &total, &resident);
  std::fclose(file);
  return got == 2 ? resident * sysconf(_SC_PAGESIZE) : 0;
}

struct Snapshot {
  ike::EngineSizes a, b;
  std::size_t installed = 0;  // in both data planes
  int64_t resident = 0;
  int64_t allocated = 0;
};

// The test's own records do not count.
void forget_records(TwoPeers& peers) {
  for (FakeHost* host : {&peers.a.host, &peers.b.host}) {
    EXPECT_FALSE(host->has_log("BUG"));
    std::vector<std::string>().swap(host->lines);
    std::vector<Octets>().swap(host->keys_seen);
  }
}

// After what lingers has gone.
Snapshot rest(TwoPeers& peers) {
  peers.run_for(seconds(100));
  EXPECT_EQ(peers.mirror_problem(), "");
  forget_records(peers);
  Snapshot now;
  now.a = peers.a.engine->sizes();
  now.b = peers.b.engine->sizes();
  now.installed = peers.a.host.inbound.size() + peers.b.host.inbound.size();
  now.resident = resident_bytes();
  now.allocated = static_cast<int64_t>(mallinfo2().uordblks);
  return now;
}

// Sides take turns; every so often the IKE SA, too, by either side.
void rekey(TwoPeers& peers, uint32_t number) {
  ASSERT_TRUE(peers.side(number % 2 == 0).engine->rekey_child(peers.now(), "t").ok()) << number;
  peers.run_for(milliseconds(50));
  if (number % kChildPerIke == 0) {
    const bool by_a = number / kChildPerIke % 2 == 0;
    ASSERT_TRUE(peers.side(by_a).engine->rekey_ike(peers.now(), "t").ok()) << number;
    peers.run_for(milliseconds(50));
  }
  if (number % 50 == 0) forget_records(peers);
}

TEST(Soak, RekeyingForEverCostsNoMemory) {
  const uint32_t wanted = rekeys_wanted();
  TwoPeers peers;
  peers.record = false;
  ASSERT_TRUE(peers.connect());
  Snapshot first;
  std::size_t most = 0;
  for (uint32_t number = 1; number <= wanted; ++number) {
    ASSERT_NO_FATAL_FAILURE(rekey(peers, number));
    most = std::max(most, peers.a.engine->sizes().child_sas);
    if (number % (wanted / (kCheckpoints + 1)) != 0) continue;
    const Snapshot now = rest(peers);
    if (first.resident == 0) first = now;
    EXPECT_EQ(now.a, first.a) << number;
    EXPECT_EQ(now.b, first.b) << number;
    EXPECT_EQ(now.installed, 2u);
    std::printf("%8u child and %5u IKE rekeyings: resident %+lld KiB, allocated %+lld octets\n",
                number, number / kChildPerIke,
                static_cast<long long>((now.resident - first.resident) / 1024),
                static_cast<long long>(now.allocated - first.allocated));
    if (kOwnAllocator) continue;
    EXPECT_LT(now.resident - first.resident, kMaxGrowthBytes) << number;
    EXPECT_LT(now.allocated - first.allocated, 16 * 1024) << number;
  }
  // Lingering ones are bounded however fast it goes.
  EXPECT_LE(most, 20u);
  EXPECT_EQ(first.a.child_sas, 1u);
  EXPECT_EQ(first.a.ike_sas, 1u);
  EXPECT_EQ(first.a.queued, 0u);
  EXPECT_EQ(peers.status(true).child_rekeys, wanted);
  EXPECT_EQ(peers.status(true).ike_rekeys, wanted / kChildPerIke);
}

}  // namespace
}  // namespace kanmon::test
