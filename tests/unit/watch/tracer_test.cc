// The life of a trace: probes are given and taken back, packets are told when they have come to
// their end, and nobody's absence keeps it running. With a plane of the test's and a clock of the
// test's.
#include "control/watch/tracer.h"

#include <variant>

#include <gtest/gtest.h>

#include "dataplane/observe/probe.h"

namespace kanmon::watch {
namespace {

using namespace std::chrono_literals;
using observe::Lane;
using observe::Record;

class FakePlane : public publish::Plane {
 public:
  uint64_t publish(const rings::Command& command) override {
    session = std::get<rings::SetProbe>(command).session;
    return ++published;
  }
  bool acknowledged(uint64_t sequence) const override { return sequence <= applied; }
  uint64_t tsc_after(std::chrono::seconds) const override { return 0; }

  observe::Session* session = nullptr;  // as of the last command
  uint64_t published = 0, applied = 0;
};

class Trace : public ::testing::Test {
 protected:
  // What worker `w` says of a packet at a time.
  void tell(uint16_t w, uint32_t number, uint64_t tsc, Lane lane) {
    Record r{};
    r.number = number;
    r.tsc = tsc;
    r.worker = w;
    r.lane = lane;
    ASSERT_TRUE(held->probe(w).records().push(r));
  }
  uint16_t start(uint32_t packets = 10) {
    const auto trace = tracer.start(now, {{}, packets, 30s});
    EXPECT_TRUE(trace.ok());
    held = plane.session;
    return *trace;
  }
  TracePart read(uint16_t trace) {
    auto part = tracer.read(now, trace);
    EXPECT_TRUE(part.ok());
    return part.ok() ? *part : TracePart{};
  }

  FakePlane plane;
  SessionKeeper keeper{plane, 2};
  Tracer tracer{keeper};
  TimePoint now{100s};
  observe::Session* held = nullptr;  // by the workers
};

TEST_F(Trace, PutsOnePacketOfTwoWorkersTogetherInTheOrderOfTime) {
  const uint16_t trace = start();
  tell(1, 5, 300, Lane::kSent);
  tell(0, 5, 100, Lane::kReceived);
  tell(0, 6, 150, Lane::kReceived);
  tell(0, 5, 200, Lane::kToWorker);
  tracer.poll(now);
  EXPECT_TRUE(read(trace).stories.empty());  // more may come
  now += Stories::kQuiet;
  tell(0, 6, 400, Lane::kDropped);
  const TracePart part = read(trace);
  ASSERT_EQ(part.stories.size(), 1u);
  EXPECT_EQ(part.stories[0].number, 5u);
  ASSERT_EQ(part.stories[0].records.size(), 3u);
  EXPECT_EQ(part.stories[0].records[0].lane, Lane::kReceived);
  EXPECT_EQ(part.stories[0].records[2].lane, Lane::kSent);
  EXPECT_FALSE(part.is_over);
  now += Stories::kQuiet;
  ASSERT_EQ(read(trace).stories.size(), 1u);
}

TEST_F(Trace, EndsWhenToldToAndOnlyAfterTheWorkersHaveLetGo) {
  const uint16_t trace = start();
  tell(0, 1, 1, Lane::kReceived);
  ASSERT_TRUE(tracer.stop(trace).ok());
  EXPECT_EQ(plane.session, nullptr);
  EXPECT_FALSE(read(trace).is_over);
  tell(1, 1, 2, Lane::kSent);  // the command is still on its way
  plane.applied = plane.published;
  const TracePart part = read(trace);
  EXPECT_TRUE(part.is_over);
  ASSERT_EQ(part.stories.size(), 1u);
  EXPECT_EQ(part.stories[0].records.size(), 2u);
  EXPECT_EQ(tracer.read(now, trace).error().code, Errc::kNotFound);
  EXPECT_EQ(tracer.stop(trace).error().code, Errc::kNotFound);
  EXPECT_FALSE(keeper.is_open());
}

TEST_F(Trace, OneAtATime) {
  const uint16_t first = start();
  EXPECT_EQ(tracer.start(now, {}).error().code, Errc::kNoSpace);
  ASSERT_TRUE(tracer.stop(first).ok());
  EXPECT_EQ(tracer.start(now, {}).error().code, Errc::kNoSpace);  // its probes may be in use
  plane.applied = plane.published;
  EXPECT_TRUE(read(first).is_over);
  const uint16_t second = start();
  EXPECT_NE(second, first);
  EXPECT_EQ(tracer.read(now, first).error().code, Errc::kNotFound);
}

TEST_F(Trace, EndsWhenEnoughPacketsWereFollowed) {
  const uint16_t trace = start(2);
  EXPECT_EQ(held->take_number(), 1u);
  EXPECT_EQ(held->take_number(), 2u);
  EXPECT_EQ(held->take_number(), 0u);
  tell(0, 2, 1, Lane::kSent);
  tracer.poll(now);
  EXPECT_NE(plane.session, nullptr);  // its way may go on
  now += Stories::kQuiet;
  tracer.poll(now);
  EXPECT_EQ(plane.session, nullptr);
  plane.applied = plane.published;
  const TracePart part = read(trace);
  EXPECT_TRUE(part.is_over);
  EXPECT_EQ(part.followed, 2u);
  EXPECT_EQ(part.stories.size(), 1u);
}

TEST_F(Trace, EndsWhenItsTimeIsOver) {
  const uint16_t trace = start();
  for (int second = 0; second < 30; ++second) {
    EXPECT_NE(plane.session, nullptr) << second;
    EXPECT_FALSE(read(trace).is_over);
    now += 1s;
  }
  tracer.poll(now);
  EXPECT_EQ(plane.session, nullptr);
  plane.applied = plane.published;
  EXPECT_TRUE(read(trace).is_over);
}

TEST_F(Trace, EndsAndIsForgottenWhenNobodyReadsIt) {
  start();
  now += SessionKeeper::kAbandoned;
  tracer.poll(now);
  EXPECT_EQ(plane.session, nullptr);
  tracer.poll(now);
  EXPECT_TRUE(keeper.is_open());  // the workers still have it
  plane.applied = plane.published;
  tracer.poll(now);
  tracer.poll(now);
  EXPECT_FALSE(keeper.is_open());
  EXPECT_TRUE(tracer.start(now, {}).ok());
}

TEST_F(Trace, RefusesWishesOutOfBounds) {
  EXPECT_EQ(tracer.start(now, {{}, 0, 1s}).error().code, Errc::kBadValue);
  EXPECT_EQ(tracer.start(now, {{}, kMostPackets + 1, 1s}).error().code, Errc::kBadValue);
  EXPECT_EQ(tracer.start(now, {{}, 1, 0s}).error().code, Errc::kBadValue);
  EXPECT_EQ(tracer.start(now, {{}, 1, SessionKeeper::kLongest + 1s}).error().code, Errc::kBadValue);
  EXPECT_EQ(plane.published, 0u);
}

}  // namespace
}  // namespace kanmon::watch
