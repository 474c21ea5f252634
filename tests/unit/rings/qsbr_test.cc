// Grace periods: nothing is freed while a reader that could hold it has not passed a quiescent
// state (INV-5), and everything is freed afterwards.
#include "dataplane/rings/qsbr.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace kanmon::rings {
namespace {

struct Counted {
  int* freed;
};
void count_free(void* p, void* ctx) {
  ++*static_cast<int*>(ctx);
  delete static_cast<int*>(p);
}

TEST(Qsbr, FreesAtOnceWhenNobodyIsOnline) {
  Qsbr q;
  int freed = 0;
  q.retire(new int, count_free, &freed);
  EXPECT_EQ(freed, 0) << "retire() itself must free nothing";
  EXPECT_EQ(q.pending(), 1u);
  EXPECT_EQ(q.reclaim(), 1u);
  EXPECT_EQ(freed, 1);
  EXPECT_EQ(q.pending(), 0u);
}

TEST(Qsbr, WaitsForEveryOnlineReader) {
  Qsbr q;
  int freed = 0;
  q.online(0);
  q.online(63);
  const uint64_t epoch = q.retire(new int, count_free, &freed);
  q.reclaim();
  EXPECT_EQ(freed, 0);
  q.quiescent(0);
  q.reclaim();
  EXPECT_EQ(freed, 0) << "reader 63 has not passed";
  EXPECT_FALSE(q.passed(epoch));
  q.quiescent(63);
  q.reclaim();
  EXPECT_EQ(freed, 1);
  EXPECT_TRUE(q.passed(epoch));
}

TEST(Qsbr, AQuiescentStateBeforeTheRetirementDoesNotCount) {
  Qsbr q;
  int freed = 0;
  q.online(5);
  q.quiescent(5);
  q.retire(new int, count_free, &freed);
  q.quiescent(5);  // the epoch has not begun: reclaim() begins it
  q.reclaim();
  EXPECT_EQ(freed, 0);
  q.quiescent(5);
  q.reclaim();
  EXPECT_EQ(freed, 1);
}

TEST(Qsbr, OfflineReadersAreNotWaitedFor) {
  Qsbr q;
  int freed = 0;
  q.online(1);
  q.retire(new int, count_free, &freed);
  q.reclaim();
  EXPECT_EQ(freed, 0);
  q.offline(1);
  q.reclaim();
  EXPECT_EQ(freed, 1);
}

TEST(Qsbr, AReaderThatComesOnlineLaterIsWaitedForOnlyFromThen) {
  Qsbr q;
  int freed = 0;
  q.online(1);
  q.retire(new int, count_free, &freed);
  q.reclaim();
  q.online(2);  // after the epoch began: it cannot hold what was unlinked before
  q.quiescent(1);
  q.reclaim();
  EXPECT_EQ(freed, 1);
  q.retire(new int, count_free, &freed);
  q.reclaim();
  q.quiescent(1);
  q.reclaim();
  EXPECT_EQ(freed, 1) << "reader 2 may hold the second";
  q.quiescent(2);
  q.reclaim();
  EXPECT_EQ(freed, 2);
}

struct Node : Deferred {
  std::vector<int>* order = nullptr;
  int number = 0;
};

TEST(Qsbr, FreesInOrderAndOnlyWhatHasPassed) {
  Qsbr q;
  std::vector<int> order;
  std::vector<Node> nodes(4);
  for (int i = 0; i < 4; ++i) {
    nodes[i].order = &order;
    nodes[i].number = i;
    nodes[i].release = [](Deferred* self) {
      auto* node = static_cast<Node*>(self);
      node->order->push_back(node->number);
    };
  }
  q.online(0);
  q.retire(nodes[0]);
  q.retire(nodes[1]);
  q.reclaim();
  q.quiescent(0);
  q.retire(nodes[2]);  // a later epoch
  q.retire(nodes[3]);
  EXPECT_EQ(q.reclaim(), 2u);
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  q.quiescent(0);
  EXPECT_EQ(q.reclaim(), 2u);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Qsbr, AReleaseMayRetireMore) {
  struct Chain : Deferred {
    Qsbr* q = nullptr;
    Chain* child = nullptr;
    bool freed = false;
  };
  Qsbr q;
  Chain child, parent;
  for (Chain* c : {&child, &parent}) {
    c->q = &q;
    c->release = [](Deferred* self) {
      auto* chain = static_cast<Chain*>(self);
      chain->freed = true;
      if (chain->child) chain->q->retire(*chain->child);
    };
  }
  parent.child = &child;
  q.retire(parent);
  q.drain();
  EXPECT_TRUE(parent.freed);
  EXPECT_TRUE(child.freed);
}

TEST(Qsbr, DrainWaitsForARunningReader) {
  Qsbr q;
  int freed = 0;
  std::atomic<bool> stop{false}, started{false};
  std::thread reader([&] {
    q.online(0);
    started = true;
    while (!stop) {
      q.quiescent(0);
      std::this_thread::yield();
    }
    q.offline(0);
  });
  while (!started) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) q.retire(new int, count_free, &freed);
  q.drain();
  EXPECT_EQ(freed, 100);
  stop = true;
  reader.join();
}

// The real thing: an object is replaced over and over; readers check that what they reach is whole.
// A freed object is poisoned first, so a grace period cut short shows as a torn value here, and as
// a use after free or a race under the sanitizers.
TEST(Qsbr, ReadersNeverSeeWhatWasFreed) {
  struct Object {
    uint64_t a, b;
  };
  constexpr unsigned kReaders = 3;
  constexpr int kReplacements = 20000;
  Qsbr q;
  std::atomic<Object*> shared{new Object{0, 0}};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> torn{0};
  std::vector<std::thread> readers;
  for (unsigned r = 0; r < kReaders; ++r)
    readers.emplace_back([&, r] {
      q.online(r);
      for (unsigned loop = 0; !stop; ++loop) {
        const Object* o = shared.load(std::memory_order_acquire);
        for (int i = 0; i < 4; ++i)
          if (o->a != o->b) torn.fetch_add(1);
        if (loop % 64 == 63) {  // a sleeping worker
          q.offline(r);
          std::this_thread::yield();
          q.online(r);
        } else {
          q.quiescent(r);
        }
      }
      q.offline(r);
    });
  for (uint64_t i = 1; i <= kReplacements; ++i) {
    Object* old = shared.exchange(new Object{i, i}, std::memory_order_acq_rel);
    q.retire(
        old,
        [](void* p, void*) {
          auto* o = static_cast<Object*>(p);
          o->a = ~o->b;
          delete o;
        },
        nullptr);
    q.reclaim();
    if (i % 256 == 0) std::this_thread::yield();
  }
  stop = true;
  for (auto& t : readers) t.join();
  q.drain();
  EXPECT_EQ(torn.load(), 0u);
  EXPECT_EQ(q.pending(), 0u);
  delete shared.load();
}

}  // namespace
}  // namespace kanmon::rings
