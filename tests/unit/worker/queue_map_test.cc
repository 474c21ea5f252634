// Who drives which queue: every queue exactly one worker, and whoever has none knows who sends.
#include "dataplane/worker/queue_map.h"

#include <vector>

#include <gtest/gtest.h>

namespace kanmon {
namespace {

TEST(QueueMap, EveryQueueHasOneWorkerWhateverTheNumbers) {
  for (uint16_t workers = 1; workers <= 5; ++workers)
    for (uint16_t queues = 1; queues <= workers; ++queues)
      for (uint16_t first = 0; first < workers; ++first) {
        std::vector<int> rx_of(queues), tx_of(queues);
        std::vector<QueueMap> maps(workers);
        for (uint16_t w = 0; w < workers; ++w) {
          maps[w].assign(w, workers, 3, queues, queues, first);
          if (maps[w].rx_count == 1) ++rx_of[maps[w].rx[0].queue];
          if (maps[w].tx[3].queue != QueueMap::kNoQueue) ++tx_of[maps[w].tx[3].queue];
        }
        EXPECT_EQ(rx_of, std::vector<int>(queues, 1));
        EXPECT_EQ(tx_of, std::vector<int>(queues, 1));
        for (uint16_t w = 0; w < workers; ++w) {
          const QueueMap::TxQueue& way = maps[w].tx[3];
          ASSERT_LT(way.worker, workers);
          EXPECT_NE(maps[way.worker].tx[3].queue, QueueMap::kNoQueue);
          EXPECT_EQ(way.queue != QueueMap::kNoQueue, way.worker == w);
        }
      }
}

TEST(QueueMap, ForgetsAPortButKnowsItsLane) {
  QueueMap map;
  map.assign(0, 1, 2, 1, 1, 0);
  map.assign(0, 1, 5, 1, 1, 0);
  map.assign(0, 1, 2, 0, 0, 0);
  ASSERT_EQ(map.rx_count, 1u);
  EXPECT_EQ(map.rx[0].port, 5);
  EXPECT_EQ(map.tx[2].worker, QueueMap::kNoQueue);
  EXPECT_EQ(map.known_ports, uint64_t{1} << 2 | uint64_t{1} << 5);
}

TEST(QueueMap, AssigningAgainReplaces) {
  QueueMap map;
  map.assign(1, 2, 4, 2, 2, 0);
  EXPECT_EQ(map.rx[0].queue, 1);
  map.assign(1, 2, 4, 1, 1, 1);
  ASSERT_EQ(map.rx_count, 1u);
  EXPECT_EQ(map.rx[0].queue, 0);
  map.assign(1, 2, 4, 1, 1, 0);
  EXPECT_EQ(map.rx_count, 0u);
  EXPECT_EQ(map.tx[4].worker, 0);
}

}  // namespace
}  // namespace kanmon
