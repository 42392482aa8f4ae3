// The sizes that Ray names as what one machine has to bear, and a soak. Full size in plain builds;
// a twentieth under a sanitizer, which is as much slower.
#include <stress/stress_fixture.hpp>
#include <support/sanitizers.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using narke_test::dice;
using narke_test::tally;

namespace {

constexpr int sized(int full) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return full / 20;
#else
  return full;
#endif
}

class envelope : public narke_test::two_cpus_test {};

int add_one(int x) { return x + 1; }

TEST_F(envelope, a_million_tasks_wait_in_the_queue_and_all_run) {
  const int count = sized(1'000'000);
  const tally ran;
  {
    narke_test::busy_cpus busy{2};
    for (int i = 0; i < count; ++i) narke::task([ran] { ran.add(); }).remote();
    EXPECT_EQ(ran.value(), 0);
  }
  ran.wait_for(count);
}

TEST_F(envelope, a_hundred_thousand_tasks_wait_in_the_placement_lane) {
  const int count = sized(100'000);
  std::vector<narke::object_ref<int>> refs;
  {
    narke_test::busy_cpus busy{2};
    auto placed = narke::task(add_one, {.num_cpus = 0.5});
    for (int i = 0; i < count; ++i) refs.push_back(placed.remote(i));
  }
  std::int64_t sum = 0;
  for (const int each : narke::get(refs)) sum += each;
  EXPECT_EQ(sum, std::int64_t{count} * (count + 1) / 2);
}

TEST_F(envelope, ten_thousand_refs_are_arguments_of_one_task) {
  const int count = sized(10'000);
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(narke::task(add_one).remote(i));
  const auto sum_values = [](const std::vector<int>& all) {
    return std::accumulate(all.begin(), all.end(), std::int64_t{0});
  };
  const auto sum_refs = [](const std::vector<narke::object_ref<int>>& all) {
    std::int64_t sum = 0;
    for (const auto& each : all) sum += narke::get(each);
    return sum;
  };
  const std::int64_t expected = std::int64_t{count} * (count + 1) / 2;
  EXPECT_EQ(narke::get(narke::task(sum_values).remote(refs)), expected);
  EXPECT_EQ(narke::get(narke::task(sum_refs).remote(refs)), expected);
}

narke::generator<int> count_to(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
}

TEST_F(envelope, three_thousand_objects_are_returned_by_one_task) {
  const int count = sized(3'000);
  const auto make = [](int n) {
    std::vector<narke::object_ref<int>> made;
    for (int i = 0; i < n; ++i) made.push_back(narke::put(i));
    return made;
  };
  std::vector<narke::object_ref<int>> refs = narke::get(narke::task(make).remote(count));
  ASSERT_EQ(refs.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) ASSERT_EQ(narke::get(refs[static_cast<std::size_t>(i)]), i);
  int taken = 0;
  for (auto& ref : narke::task(count_to, {.stream_buffer = -1}).remote(count)) {
    ASSERT_EQ(narke::get(ref), taken++);
  }
  EXPECT_EQ(taken, count);
}

TEST_F(envelope, ten_thousand_objects_are_had_by_one_get_and_one_wait) {
  const int count = sized(10'000);
  std::vector<narke::object_ref<std::string>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(narke::put(std::to_string(i)));
  const auto all = narke::get(refs);
  ASSERT_EQ(all.size(), refs.size());
  EXPECT_EQ(all.back(), std::to_string(count - 1));
  auto [ready, not_ready] = narke::wait(refs, {.num_returns = count});
  EXPECT_EQ(ready.size(), refs.size());
  EXPECT_TRUE(not_ready.empty());
}

struct counter {
  int add(int n) { return value += n; }
  int value = 0;
};

TEST_F(envelope, ten_thousand_actors_live_and_answer) {
  const int count = sized(10'000);
  std::vector<narke::actor_handle<counter>> actors;
  for (int i = 0; i < count; ++i) actors.push_back(narke::actor<counter>().remote());
  for (int round = 1; round <= 2; ++round) {
    std::vector<narke::object_ref<int>> answers;
    for (auto& each : actors) answers.push_back(each.task(&counter::add).remote(1));
    for (const int answer : narke::get(answers)) ASSERT_EQ(answer, round);
  }
}

// --- A soak: mixed work for a while, and the memory of the process stays as it is.

std::int64_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::int64_t total = 0;
  std::int64_t resident = 0;
  in >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

/// NARKE_SOAK_SECONDS, or a little in each run of the suite.
std::chrono::duration<double> soak_length() {
  const char* text = std::getenv("NARKE_SOAK_SECONDS");
  return std::chrono::duration<double>{text ? std::atof(text) : 3.0};
}

/// A few hundred tasks, actors and streams, some of which fail or are cancelled; all are over at
/// the end.
void do_mixed_work(int seed) {
  dice random{seed};
  auto actor = narke::actor<counter>().remote();
  const auto text_of = [](int x) { return std::string(static_cast<std::size_t>(x), 'x'); };
  std::vector<narke::object_ref<void>> refs;
  auto last = narke::put(0);
  for (int i = 0; i != 300; ++i) {
    switch (random.below(9)) {
      case 0: last = narke::task(add_one).remote(last); break;
      case 1: refs.emplace_back(narke::task(text_of).remote(random.below(100'000))); break;
      case 2: refs.emplace_back(narke::task(add_one, {.num_cpus = 0.5}).remote(last)); break;
      case 3: refs.emplace_back(actor.task(&counter::add).remote(last)); break;
      case 4: narke::cancel(narke::task(text_of).remote(10)); break;
      case 5: refs.emplace_back(narke::task([](int x) -> int { throw x; }).remote(i)); break;
      case 6: refs.emplace_back(narke::put(std::vector<int>(1'000, i))); break;
      case 7:
        refs.emplace_back(narke::task([](int x) {
          return narke::get(narke::task(add_one).remote(x));
        }).remote(i));
        break;
      case 8:
        for (auto& ref : narke::task(count_to).remote(5)) refs.emplace_back(ref);
        break;
    }
  }
  refs.emplace_back(last);
  EXPECT_EQ(narke::wait(refs, {.num_returns = refs.size()}).ready.size(), refs.size());
}

TEST_F(envelope, a_soak_of_mixed_work_keeps_its_memory) {
  const auto begin = std::chrono::steady_clock::now();
  const auto length = soak_length();
  std::vector<std::int64_t> samples;
  int rounds = 0;
  while (samples.empty() || std::chrono::steady_clock::now() - begin < length) {
    for (int i = 0; i != 5; ++i) do_mixed_work(rounds++);
    samples.push_back(resident_bytes());
    alarm(60);  // the watchdog's: this test says itself how long it takes
  }
  narke_test::expect_nothing_held();
  const auto warm = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 3);
  const auto half = warm + (samples.end() - warm) / 2;
  const std::int64_t before = *std::max_element(warm, half + 1);
  const std::int64_t after = *std::max_element(half, samples.end());
  // AddressSanitizer holds back up to 256 MiB of what was freed, and fills that meanwhile: with
  // quarantine_size_mb=1 it is flat there, too.
  constexpr std::int64_t mib = std::int64_t{1} << 20;
  constexpr std::int64_t allowed = (narke_test::has_address_sanitizer ? 32 + 256 : 32) * mib;
  EXPECT_LT(after - before, allowed + before / 10)
      << "from " << before << " to " << after << " bytes in " << rounds << " rounds";
  RecordProperty("rounds", rounds);
  RecordProperty("resident_mib_before", static_cast<int>(before >> 20));
  RecordProperty("resident_mib_after", static_cast<int>(after >> 20));
}

}  // namespace
