// Each step of the engine's order is left out once, by number, in histories by seed: the race
// detector or a wrong value tells, or nothing was lost by it. A wait that is left out and that
// nobody misses must have been redundant, and none such is issued. NARKE_STRESS_SCALE makes the
// histories more; the table that is printed stands in docs/gpu-proof.md.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>

#include "early_record.hpp"
#include "random_history.hpp"
#include "support/stress_rounds.hpp"

namespace narke_test {
namespace {

using narke::internal::emulated_fault;
using narke::internal::engine_mutation;
using narke::internal::engine_step;

struct tally {
  std::string name;
  std::uint64_t left_out = 0;
  std::uint64_t caught = 0;
  std::uint64_t by_race = 0;
  std::uint64_t by_value = 0;
  std::uint64_t by_hang = 0;
  std::uint64_t redundant = 0;
  std::string missed;  ///< the first ones: seed and number

  void note(const history_outcome& outcome, std::uint64_t seed, std::uint64_t nth) {
    ++left_out;
    const bool has_race = !outcome.found.empty();
    const bool has_value = outcome.values_wrong != 0 || outcome.works_failed != 0;
    by_race += has_race ? 1 : 0;
    by_value += has_value ? 1 : 0;
    by_hang += outcome.is_stuck ? 1 : 0;
    if (has_race || has_value || outcome.is_stuck) {
      ++caught;
    } else if (outcome.redundant_waits != 0) {
      ++redundant;
    } else if (missed.size() < 100) {
      missed += ' ' + std::to_string(seed) + '/' + std::to_string(nth);
    }
  }
  void print() const {
    std::printf("| %-44s | %6llu | %6llu | %6llu | %6llu | %4llu | %6llu |\n", name.c_str(),
                static_cast<unsigned long long>(left_out), static_cast<unsigned long long>(caught),
                static_cast<unsigned long long>(by_race), static_cast<unsigned long long>(by_value),
                static_cast<unsigned long long>(by_hang),
                static_cast<unsigned long long>(left_out - caught));
  }
};

history_options mutated(std::uint64_t seed) {
  history_options options;
  options.seed = seed;
  options.works = 20;
  options.expects_violations = true;
  options.allows_leaks = true;
  return options;
}

std::uint64_t first_seed() {
  const char* only = std::getenv("NARKE_STRESS_SEED");
  return only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
}
std::uint64_t seeds() {
  return static_cast<std::uint64_t>(stress_rounds(4));
}

// Every so many of `count`, so that a run of the ordinary length stays short.
std::uint64_t pace(std::uint64_t count, std::uint64_t tries) {
  return count <= tries ? 1 : count / tries;
}

// A block is free for all when its last chunk was copied: who takes its front alone then waits for
// more than it needs, and nobody misses that. Arrays that are one chunk each leave no such case.
constexpr std::size_t whole_copies_bytes = 1 * mib;

TEST(mutation, each_wait_that_is_dropped_is_caught) {
  tally total{.name = "a wait"};
  std::uint64_t redundant = 0;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + seeds(); ++seed) {
    history_options unchanged = mutated(seed);
    unchanged.has_works_of_several = false;
    unchanged.adjust = [](scene_options& scene) { scene.engine.chunk_bytes = whole_copies_bytes; };
    const history_outcome whole = run_history(unchanged);
    redundant += whole.redundant_waits;
    for (std::uint64_t nth = 1; nth <= whole.waits; ++nth) {
      history_options options = unchanged;
      options.adjust = [nth](scene_options& scene) {
        scene.engine.chunk_bytes = whole_copies_bytes;
        scene.driver.faults = {{.entry = "stream_wait_event", .nth = nth, .skip = true}};
      };
      total.note(run_history(options), seed, nth);
    }
  }
  total.print();
  EXPECT_EQ(redundant, 0U);
  EXPECT_GT(total.left_out, seeds());
  EXPECT_EQ(total.redundant, 0U);
  EXPECT_EQ(total.caught, total.left_out) << "not caught (seed/number):" << total.missed;
}

history_outcome with_early_record(std::uint64_t seed, std::uint64_t nth, std::uint64_t& records) {
  std::unique_ptr<early_record> early;
  history_options options = mutated(seed);
  options.adjust = [&](scene_options& scene) {
    scene.wrap = [&](const auto& real) -> const narke::internal::driver_table& {
      early = std::make_unique<early_record>(real, nth);
      return early->table();
    };
  };
  const history_outcome outcome = run_history(options);
  records = early->records();
  return outcome;
}

TEST(mutation, records_that_come_too_early_are_caught) {
  tally total{.name = "an operation behind a record"};
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    std::uint64_t records = 0;
    const history_outcome whole = with_early_record(seed, 0, records);
    EXPECT_EQ(whole.found, "") << "seed " << seed;
    const std::uint64_t step = pace(records, 20);
    for (std::uint64_t nth = 1; nth <= records; nth += step) {
      std::uint64_t ignored = 0;
      total.note(with_early_record(seed, nth, ignored), seed, nth);
    }
  }
  total.print();
  EXPECT_GT(total.caught, total.left_out / 10) << "not caught (seed/number):" << total.missed;
}

struct step_name {
  engine_step step;
  const char* name;
};

void PrintTo(const step_name& each, std::ostream* to) {
  *to << each.name;
}

class mutation_of_step : public testing::TestWithParam<step_name> {};

history_outcome with_mutation(std::uint64_t seed, engine_mutation& mutation) {
  history_options options = mutated(seed);
  options.adjust = [&](scene_options& scene) { scene.engine.mutation = &mutation; };
  return run_history(options);
}

TEST_P(mutation_of_step, is_caught_by_some_history) {
  tally total{.name = GetParam().name};
  // Some steps are rarely come to, and more rarely needed.
  for (std::uint64_t seed = 1; seed <= 2 * seeds() || (total.caught == 0 && seed <= 100); ++seed) {
    engine_mutation count{.step = GetParam().step};
    const history_outcome whole = with_mutation(seed, count);
    EXPECT_EQ(whole.found, "") << "seed " << seed;
    const std::uint64_t step = pace(count.seen, 12);
    for (std::uint64_t nth = 1; nth <= count.seen; nth += step) {
      engine_mutation mutation{.step = GetParam().step, .nth = nth};
      total.note(with_mutation(seed, mutation), seed, nth);
    }
  }
  total.print();
  EXPECT_GT(total.left_out, 0U);
  EXPECT_GT(total.caught, 0U) << "not caught (seed/number):" << total.missed;
}

constexpr step_name steps[] = {
    {engine_step::note_reader, "a body among the readers of its input"},
    {engine_step::note_copy_down, "a copy to the host among the readers"},
    {engine_step::note_copy_across, "a copy to a peer among the readers"},
    {engine_step::note_scratch, "a body among the users of its scratch"},
    {engine_step::expect_input, "inputs are enqueued before their reader"},
    {engine_step::expect_slot_read, "a slot is read before it is written again"},
    {engine_step::expect_slot_made, "a slot is written before it is read"},
    {engine_step::take_free_event, "an event is recorded when nobody polls it"},
};

INSTANTIATE_TEST_SUITE_P(each, mutation_of_step, testing::ValuesIn(steps));

}  // namespace
}  // namespace narke_test
