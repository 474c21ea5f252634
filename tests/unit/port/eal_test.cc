// What EAL is asked for, by options and machine.
#include "dataplane/port/eal.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kanmon::port {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kPlentyMib = 4096;

std::string after(const EalPlan& plan, const std::string& key) {
  const auto at = std::find(plan.args.begin(), plan.args.end(), key);
  return at == plan.args.end() || at + 1 == plan.args.end() ? "" : *(at + 1);
}

TEST(EalPlan, LeavesTheFirstCpuToControl) {
  const EalPlan plan = compose({.workers = 2}, {{0, 1, 2, 3}, kPlentyMib});
  EXPECT_THAT(plan.worker_cpus, ElementsAre(1, 2));
  EXPECT_EQ(after(plan, "--lcores"), "0@(0,1,2,3),1@1,2@2");
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(EalPlan, SharesCpusWhenThereAreFewAndSaysSo) {
  const EalPlan two = compose({.workers = 2}, {{4, 7}, kPlentyMib});
  EXPECT_EQ(after(two, "--lcores"), "0@(4,7),1@7,2@4");
  EXPECT_THAT(two.warnings, Contains(HasSubstr("no CPU is left to control")));
  const EalPlan three = compose({.workers = 3}, {{4, 7}, kPlentyMib});
  EXPECT_EQ(after(three, "--lcores"), "0@(4,7),1@7,2@4,3@7");
  EXPECT_THAT(three.warnings, Contains(HasSubstr("share a CPU")));
}

TEST(EalPlan, RefusesCoresItMayNotUseAndWrongCounts) {
  EXPECT_THAT(compose({.workers = 1, .worker_cores = {5}}, {{0, 1}, kPlentyMib}).error,
              HasSubstr("CPU 5"));
  EXPECT_THAT(compose({.workers = 2, .worker_cores = {1}}, {{0, 1}, kPlentyMib}).error,
              HasSubstr("1 worker cores are given for 2 workers"));
  EXPECT_THAT(compose({.workers = 0}, {{0}, kPlentyMib}).error, Not(IsEmpty()));
  EXPECT_THAT(compose({.workers = 65}, {{0}, kPlentyMib}).error, Not(IsEmpty()));
}

TEST(EalPlan, FallsBackToOrdinaryPagesWithAWarning) {
  const EalPlan with = compose({.memory_mib = 256}, {{0, 1}, 256});
  EXPECT_THAT(with.args, Not(Contains("--no-huge")));
  EXPECT_THAT(with.args, Contains("--in-memory"));
  const EalPlan without = compose({.memory_mib = 256}, {{0, 1}, 255});
  EXPECT_THAT(without.args, Contains("--no-huge"));
  EXPECT_THAT(without.args, Not(Contains("--in-memory"))) << "DPDK refuses the two together";
  EXPECT_GE(std::stoi(after(without, "-m")), 256);
  EXPECT_THAT(without.warnings, Contains(HasSubstr("nr_hugepages")));
}

TEST(EalPlan, AllowsOnlyThePciDevicesNamed) {
  EXPECT_THAT(compose({.devices = {"af_packet:eth0"}}, {{0}, kPlentyMib}).args,
              Contains("--no-pci"));
  const EalPlan plan = compose({.devices = {"pci:0000:3b:00.0"}}, {{0}, kPlentyMib});
  EXPECT_THAT(plan.args, Not(Contains("--no-pci")));
  EXPECT_EQ(after(plan, "-a"), "0000:3b:00.0");
}

TEST(EalPlan, KeepsMemoryInFewFilesForThoseItIsSharedWith) {
  EXPECT_THAT(compose({.devices = {"memif:id=0,zero-copy=yes"}}, {{0}, kPlentyMib}).args,
              Contains("--single-file-segments"));
  EXPECT_THAT(compose({.devices = {"memif:id=0"}}, {{0}, kPlentyMib}).args,
              Not(Contains("--single-file-segments")));
}

TEST(EalPlan, PutsExtraArgumentsLast) {
  const EalPlan plan = compose({.extra_args = "  --log-level  8 "}, {{0}, kPlentyMib});
  ASSERT_GE(plan.args.size(), 2u);
  EXPECT_EQ(plan.args[plan.args.size() - 2], "--log-level");
  EXPECT_EQ(plan.args.back(), "8");
}

}  // namespace
}  // namespace kanmon::port
