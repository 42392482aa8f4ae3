#include "side_by_side/workload.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "harness/child.hpp"
#include "harness/usual_policy.hpp"

namespace bench::side_by_side {
namespace {

constexpr std::size_t tasks_a_round = 1000;

std::vector<std::string> words_of(const std::string& name, const parameters& asked) {
  return {name, std::to_string(asked.task_time.count()), std::to_string(asked.run_time.count())};
}

/// Tasks a second of each of `count` programs that run at the same time.
std::vector<double> speeds(const std::string& name, const parameters& asked, int count) {
  std::vector<std::unique_ptr<child>> all;
  for (int i = 0; i != count; ++i) {
    all.push_back(std::make_unique<child>(words_of(name, asked)));
    expect_equal(all.back()->hear(), std::string{"ready"}, "what a child says");
  }
  for (const auto& each : all) each->tell("go");
  std::vector<double> found;
  for (const auto& each : all) found.push_back(numbers_of(each->hear()).at(0));
  for (const auto& each : all) each->wait();
  return found;
}

}  // namespace

std::vector<runtime> runtimes() {
  return {openmp(), onetbb(), starpu(), narke()};
}

void run_here(const std::string& name, const parameters& asked) {
  const std::vector<runtime> all = runtimes();
  const auto which =
      std::find_if(all.begin(), all.end(), [&](const runtime& each) { return each.name == name; });
  if (which == all.end()) throw std::invalid_argument{fmt::format("no runtime \"{}\"", name)};
  const usual_policy taking_turns;
  const std::uint64_t rounds = asked.task_time.count() == 0 ? 0 : rounds_for(asked.task_time);
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i != tasks_a_round; ++i) expected += value_of(i, rounds);
  const auto run_round = [&] {
    expect_equal(which->run_round(tasks_a_round, rounds), expected, "the sum of all results");
  };
  run_round();
  std::cout << "ready\n" << std::flush;
  std::string go;
  std::getline(std::cin, go);
  using clock = std::chrono::steady_clock;
  const auto begin = clock::now();
  std::size_t done = 0;
  do {
    run_round();
    done += tasks_a_round;
  } while (clock::now() - begin < asked.run_time);
  const std::chrono::duration<double> took = clock::now() - begin;
  std::cout << fmt::format("{}\n", double(done) / took.count()) << std::flush;
}

contender contender_of(const runtime& which, const parameters& asked) {
  return {which.name, [asked, name = which.name](run& measured) {
            const double alone = speeds(name, asked, 1).front();
            std::vector<double> beside = speeds(name, asked, 2);
            std::sort(beside.begin(), beside.end());
            const std::chrono::nanoseconds took{
                std::int64_t(2e9 * double(items) / (beside[0] + beside[1]))};
            measured.add(took, took);
            measured.count("share_least", beside[0] / alone);
            measured.count("share_most", beside[1] / alone);
          }};
}

}  // namespace bench::side_by_side
