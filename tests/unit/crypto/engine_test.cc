#include "dataplane/crypto/engine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/crypto/secure_slab.h"
#include "tests/support/memory.h"
#include "tests/support/sanitized.h"

namespace kanmon::crypto {
namespace {

using esp::Algorithm;
using Octets = std::vector<uint8_t>;

class EachIsa : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    engine_ = Engine::create(GetParam());
    if (engine_ == nullptr) GTEST_SKIP() << "this machine lacks " << to_string(GetParam());
  }
  std::unique_ptr<Engine> engine_;
};

INSTANTIATE_TEST_SUITE_P(Isa, EachIsa,
                         ::testing::Values(Isa::kAuto, Isa::kSse, Isa::kAvx, Isa::kAvx2,
                                           Isa::kAvx512),
                         [](const auto& i) { return std::string(to_string(i.param)); });

// ESP-18: the published answers, and that changed ones are refused.
TEST_P(EachIsa, KnownAnswersHold) {
  EXPECT_TRUE(self_test(*engine_));
  EXPECT_TRUE(GetParam() == Isa::kAuto || engine_->isa() == GetParam());
}

// It runs at each start, for each worker: 50 ms of CPU time at most (what else the machine does
// meanwhile does not count).
TEST_P(EachIsa, KnownAnswersAreQuick) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer takes its time";
  const auto cpu_ns = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
  };
  const auto before = cpu_ns();
  EXPECT_TRUE(self_test(*engine_));
  EXPECT_LT(cpu_ns() - before, 50'000'000);
}

// Fail closed: an engine that computes something else is told from a sound one, by name. An Engine
// begins with its functions that seal, by algorithm: the first two change places.
TEST_P(EachIsa, KnownAnswersNoticeAWrongFunction) {
  const auto engine = Engine::create(GetParam(), false, Backend::kDirect);
  ASSERT_NE(engine, nullptr);
  auto* functions = reinterpret_cast<unsigned char*>(engine.get());
  constexpr std::size_t kBytes = sizeof(void (*)());
  const auto exchange = [&] {
    std::swap_ranges(functions, functions + kBytes, functions + kBytes);
  };
  ASSERT_TRUE(self_test(*engine));
  exchange();
  const char* failed = "";
  EXPECT_FALSE(self_test(*engine, &failed));
  EXPECT_STREQ(failed, "AES128-GCM-16");
  exchange();
  EXPECT_TRUE(self_test(*engine));
}

// OpenSSL as second implementation. Text and tag, text being any length.
Octets openssl_seal(Algorithm a, const Octets& key, const uint8_t* nonce, wire::Bytes aad,
                    const Octets& text) {
  EVP_CIPHER_CTX* c = EVP_CIPHER_CTX_new();
  int n = 0;
  EVP_EncryptInit_ex(c, a == Algorithm::kAes128Gcm16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(),
                     nullptr, key.data(), nonce);
  EVP_EncryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size()));
  Octets out(text.size() + kTagBytes);
  EVP_EncryptUpdate(c, out.data(), &n, text.data(), static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(c, out.data() + text.size(), &n);
  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, kTagBytes, out.data() + text.size());
  EVP_CIPHER_CTX_free(c);
  return out;
}

Octets random_octets(std::mt19937& rng, std::size_t n) {
  Octets out(n);
  for (uint8_t& o : out) o = static_cast<uint8_t>(rng());
  return out;
}

// A region whose end lies against a page nobody may touch: an over-read or over-write traps.
class Guarded {
 public:
  explicit Guarded(std::size_t room) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (room + page - 1) / page * page;
    base_ = static_cast<uint8_t*>(
        mmap(nullptr, bytes_ + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + bytes_, page, PROT_NONE);
    page_ = page;
  }
  ~Guarded() { munmap(base_, bytes_ + page_); }
  uint8_t* last(std::size_t n) { return base_ + bytes_ - n; }

 private:
  uint8_t* base_;
  std::size_t bytes_, page_;
};

// Every text length a packet can have, at the very end of memory, the key at the end of its room;
// both AAD sizes; against OpenSSL in both directions (row 40 of the past bugs: vector code reads
// past its inputs).
TEST_P(EachIsa, AgreesWithOpenSslAtEveryLengthAgainstAGuardPage) {
  std::mt19937 rng(4106);
  Guarded text_room(4096), key_room(sizeof(Key));
  auto* key = reinterpret_cast<Key*>(key_room.last(sizeof(Key)));
  for (const Algorithm a : {Algorithm::kAes128Gcm16, Algorithm::kAes256Gcm16}) {
    const Octets raw = random_octets(rng, esp::info(a).encr_key_bytes);
    ASSERT_TRUE(engine_->expand(a, raw, *key).ok());
    for (std::size_t n = 1; n <= 2048; n += n < 600 ? 1 : 7) {
      Job j = {};
      j.key = key;
      j.algorithm = a;
      j.length = static_cast<uint32_t>(n);
      j.aad_bytes = n % 2 == 0 ? 8 : 12;
      j.text = text_room.last(n + kTagBytes);
      const Octets nonce = random_octets(rng, 12), aad = random_octets(rng, 12);
      std::memcpy(j.nonce, nonce.data(), 12);
      std::memcpy(j.aad, aad.data(), 12);
      const Octets plain = random_octets(rng, n);
      const Octets want = openssl_seal(a, raw, nonce.data(), {aad.data(), j.aad_bytes}, plain);
      std::memcpy(j.text, plain.data(), n);
      engine_->seal(&j, 1);
      ASSERT_EQ(0, std::memcmp(j.text, want.data(), want.size())) << n;
      engine_->open(&j, 1);
      ASSERT_TRUE(j.authentic) << n;
      ASSERT_EQ(0, std::memcmp(j.text, plain.data(), n)) << n;
    }
  }
}

// The HMAC algorithms and ChaCha20-Poly1305 at the end of memory: every length of text, alone and
// in a burst, each back end; what one engine seals another opens, and only that. Against OpenSSL
// the same is tested through whole packets (unit/esp/algorithms_test).
TEST_P(EachIsa, EveryAlgorithmStaysInsideItsPacket) {
  std::mt19937 rng(4868);
  constexpr uint32_t kFront = 24;
  for (const Backend backend : {Backend::kDirect, Backend::kBurst}) {
    const auto engine = Engine::create(GetParam(), false, backend);
    ASSERT_NE(engine, nullptr);
    EXPECT_TRUE(self_test(*engine));
    for (const esp::AlgorithmInfo& a : esp::kAlgorithms) {
      Guarded rooms[3] = {Guarded(4096), Guarded(4096), Guarded(4096)}, key_room(sizeof(Key));
      auto* key = reinterpret_cast<Key*>(key_room.last(sizeof(Key)));
      ASSERT_TRUE(engine->expand(a.algorithm, random_octets(rng, a.key_bytes()), *key).ok());
      for (uint32_t n = a.align; n <= 2048; n += a.align * (n < 300 ? 1 : 7)) {
        Job jobs[3] = {};
        Octets plain[3];
        for (uint32_t i = 0; i < 3; ++i) {
          Job& j = jobs[i];
          j.key = key;
          j.algorithm = a.algorithm;
          j.length = n + (i == 1 ? a.align : 0);  // lanes of unequal length
          j.aad_bytes = i == 0 ? 8 : 12;
          j.aad[7] = j.nonce[11] = static_cast<uint8_t>(i);
          j.text = rooms[i].last(j.length + a.icv_bytes);
          plain[i] = random_octets(rng, j.length);
          std::memset(j.text - kFront, 0, kFront);
          std::memcpy(j.text, plain[i].data(), j.length);
        }
        engine->seal(jobs, 3);
        for (const Job& j : jobs) {
          Job alone = j;
          Octets copy(j.text - kFront, j.text + j.length + a.icv_bytes);
          alone.text = copy.data() + kFront;
          engine_->open(&alone, 1);
          ASSERT_TRUE(alone.authentic) << a.name << " " << n;
        }
        jobs[1].text[n / 2] ^= 1;
        engine->open(jobs, 3);
        ASSERT_TRUE(jobs[0].authentic && !jobs[1].authentic && jobs[2].authentic) << a.name;
        for (const uint32_t i : {0u, 2u})
          ASSERT_EQ(0, std::memcmp(jobs[i].text, plain[i].data(), jobs[i].length)) << a.name;
      }
    }
  }
}

// ESP-16: a tag wrong in any single bit is refused, and the verdict is each job's own (ESP-08).
TEST_P(EachIsa, EveryBitOfTheTagCounts) {
  std::mt19937 rng(16);
  Key key;
  const Octets raw = random_octets(rng, 16);
  ASSERT_TRUE(engine_->expand(Algorithm::kAes128Gcm16, raw, key).ok());
  Octets sealed = random_octets(rng, 60 + kTagBytes);
  Job j = {};
  j.key = &key;
  j.length = 60;
  j.aad_bytes = 8;
  j.text = sealed.data();
  engine_->seal(&j, 1);
  std::vector<Octets> copies(3, sealed);
  for (unsigned bit = 0; bit < kTagBytes * 8; ++bit) {
    Job jobs[3] = {j, j, j};
    for (int i = 0; i < 3; ++i) {
      copies[static_cast<std::size_t>(i)] = sealed;
      jobs[i].text = copies[static_cast<std::size_t>(i)].data();
    }
    copies[1][60 + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    engine_->open(jobs, 3);
    EXPECT_TRUE(jobs[0].authentic && jobs[2].authentic);
    EXPECT_FALSE(jobs[1].authentic) << bit;
  }
}

// The measured choice, and those that are forced, say what they are.
TEST(Engine, DescribesItsBackEnds) {
  const auto direct = Engine::create(Isa::kAuto, false, Backend::kDirect);
  const auto burst = Engine::create(Isa::kAuto, false, Backend::kBurst);
  const auto sse = Engine::create(Isa::kSse, false, Backend::kBurst);
  EXPECT_EQ(direct->describe(), "gcm direct; SHA1 sse; SHA2-256 sse; SHA2-384 sse; SHA2-512 sse");
  EXPECT_EQ(sse->describe(), "gcm burst; SHA1 sse; SHA2-256 sse; SHA2-384 sse; SHA2-512 sse");
  EXPECT_EQ(burst->describe().rfind("gcm burst; SHA1 " + std::string(to_string(burst->isa())), 0),
            0u);
  EXPECT_TRUE(self_test(*Engine::create()));
}

TEST(Engine, RefusesKeysOfTheWrongLength) {
  const auto engine = Engine::create();
  ASSERT_NE(engine, nullptr);
  Key key;
  for (std::size_t n : {0, 15, 17, 20, 24, 31, 33, 36}) {
    const Octets raw(n, 1);
    EXPECT_FALSE(engine->expand(Algorithm::kAes128Gcm16, raw, key).ok()) << n;
    EXPECT_FALSE(engine->expand(Algorithm::kAes256Gcm16, raw, key).ok()) << n;
  }
}

// A private copy computes the same with keys expanded by the linked library.
TEST(Engine, PrivateCopiesShareKeys) {
  const auto own = Engine::create(Isa::kAuto, true), other = Engine::create(Isa::kAuto, true);
  ASSERT_NE(own, nullptr);
  ASSERT_NE(other, nullptr);
  if (!own->has_private_copy()) GTEST_SKIP() << "this build or system allows no private copy";
  EXPECT_TRUE(self_test(*own));
  EXPECT_TRUE(self_test(*other));
  Key key;
  ASSERT_TRUE(expand(Algorithm::kAes256Gcm16, Octets(32, 9), key).ok());
  Octets a(100 + kTagBytes, 3);
  Job j = {};
  j.key = &key;
  j.algorithm = Algorithm::kAes256Gcm16;
  j.length = 100;
  j.aad_bytes = 8;
  j.text = a.data();
  own->seal(&j, 1);
  other->open(&j, 1);
  EXPECT_TRUE(j.authentic);
  EXPECT_EQ(a[0], 3);
}

// INV-9, ESP-28: what is given back is wiped, and the room is aligned and used again.
TEST(SecureSlab, WipesWhatIsGivenBack) {
  SecureSlab slab(1280);
  auto* first = static_cast<uint8_t*>(slab.take());
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
  std::memset(first, 0xa5, 1280);
  slab.give(first);
  // Through the kernel: to the program the memory is out of bounds now.
  EXPECT_EQ(test::read_memory(first, 1280), Octets(1280, 0));
  EXPECT_EQ(slab.take(), first);
  slab.give(first);
  slab.give(nullptr);
}

TEST(SecureSlab, GrowsPastAChunk) {
  SecureSlab slab(4096);
  std::vector<void*> taken;
  for (std::size_t i = 0; i < 3 * SecureSlab::kChunkBytes / 4096; ++i) {
    taken.push_back(slab.take());
    ASSERT_NE(taken.back(), nullptr);
  }
  for (void* p : taken) slab.give(p);
}

// Objects of one slab that follow each other are an odd number of lines apart.
TEST(SecureSlab, SpreadsObjectsOverTheSetsOfACache) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{64}, std::size_t{1280}}) {
    SecureSlab& slab = slab_for(bytes);
    EXPECT_EQ(&slab_for(bytes), &slab);
    auto* a = static_cast<uint8_t*>(slab.take());
    auto* b = static_cast<uint8_t*>(slab.take());
    const auto apart = static_cast<std::size_t>(std::abs(b - a));
    EXPECT_GE(apart, bytes);
    EXPECT_EQ(apart % 128, 64u);
    slab.give(b);
    slab.give(a);
  }
}

TEST(HugeArray, IsZeroedAndAligned) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{600}, kHugePage / 4, kHugePage / 8 * 3}) {
    const HugeArray<uint64_t> array(n);
    const std::size_t alignment = n * 8 >= kHugePage ? kHugePage : 4096;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.get()) % alignment, 0u);
    EXPECT_EQ(std::count(array.get(), array.get() + n, 0u), static_cast<std::ptrdiff_t>(n));
    array[n - 1] = 1;
  }
}

}  // namespace
}  // namespace kanmon::crypto
