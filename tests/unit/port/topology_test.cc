// NUMA: which memory is chosen, on machines this one is not.
#include "dataplane/port/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/port/eal.h"

namespace kanmon::port {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Two sockets whose CPUs alternate, as some firmware numbers them.
const Topology kTwoSockets = {{0, 0}, {1, 1}, {2, 0}, {3, 1}};

TEST(Topology, ReadsTheKernelsLists) {
  EXPECT_THAT(parse_cpu_list("0-3,8,10-11\n"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_THAT(parse_cpu_list("5"), ElementsAre(5));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty()) << "a node of memory without CPUs";
  EXPECT_THAT(parse_cpu_list("x,2,3-,99999,7-6"), ElementsAre(2));
}

TEST(Topology, SeesThisMachine) {
  const Machine machine = look_at_machine();
  if (machine.nodes.empty()) GTEST_SKIP() << "the kernel was built without NUMA";
  for (const uint16_t cpu : machine.cpus) EXPECT_GE(node_of(machine.nodes, cpu), 0);
}

TEST(Topology, PoolsAreForTheWorkersNodes) {
  EXPECT_THAT(nodes_of(kTwoSockets, {1, 3}), ElementsAre(1));
  EXPECT_THAT(nodes_of(kTwoSockets, {3, 0, 1}), ElementsAre(0, 1));
  EXPECT_THAT(nodes_of({}, {3, 0, 1}), ElementsAre(kAnyNode)) << "one memory, one pool";
}

TEST(Topology, DevicesReceiveIntoMemoryOfTheirOwnNode) {
  EXPECT_EQ(receive_node(1, {0, 1}), 1);
  EXPECT_EQ(receive_node(1, {0}), 1) << "a pool is made there";
  EXPECT_EQ(receive_node(kAnyNode, {1}), kAnyNode) << "virtual devices have no place";
  EXPECT_EQ(receive_node(1, {kAnyNode}), kAnyNode) << "memory without nodes has no second pool";
}

TEST(Topology, SaysWhenNoWorkerIsNearADevice) {
  EXPECT_THAT(far_device(1, {0, 0}), HasSubstr("NUMA node 1"));
  EXPECT_THAT(far_device(1, {0, 1}), IsEmpty());
  EXPECT_THAT(far_device(kAnyNode, {0}), IsEmpty());
  EXPECT_THAT(far_device(0, {kAnyNode}), IsEmpty());
}

// "Packet buffers per NUMA node": memory is asked for once a node.
TEST(Topology, MemoryIsPlannedForEachNodeWithAWorker) {
  const EalOptions two{.workers = 2, .worker_cores = {2, 3}, .memory_mib = 300};
  const EalPlan both = compose(two, {{0, 1, 2, 3}, 599, kTwoSockets});
  EXPECT_THAT(both.worker_nodes, ElementsAre(0, 1));
  ASSERT_EQ(both.warnings.size(), 1u);
  EXPECT_THAT(both.warnings[0], HasSubstr("600 are needed"));
  const EalOptions one{.workers = 2, .worker_cores = {1, 3}, .memory_mib = 300};
  EXPECT_THAT(compose(one, {{0, 1, 2, 3}, 300, kTwoSockets}).warnings, IsEmpty());
}

}  // namespace
}  // namespace kanmon::port
