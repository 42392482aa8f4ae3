#include "idle/workload.hpp"

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "harness/child.hpp"

namespace bench::idle {

std::vector<runtime> runtimes() {
  return {onetbb(), openmp(), thread_pool(), starpu(), narke()};
}

void watch_here(const std::string& name, const parameters& asked) {
  const std::vector<runtime> all = runtimes();
  const auto which =
      std::find_if(all.begin(), all.end(), [&](const runtime& each) { return each.name == name; });
  if (which == all.end()) throw std::invalid_argument{fmt::format("no runtime \"{}\"", name)};
  expect(which->work(), "results are wrong");
  std::this_thread::sleep_for(asked.settle);
  run watched;
  watched.start();
  std::this_thread::sleep_for(asked.watch);
  watched.stop();
  std::cout << watched.real_time().count() << ' ' << watched.cpu_time().count() << '\n'
            << std::flush;
}

contender contender_of(const runtime& which, const parameters& asked) {
  return {which.name, [asked, name = which.name](run& measured) {
            child alone{
                {name, std::to_string(asked.settle.count()), std::to_string(asked.watch.count())}};
            const std::vector<double> heard = numbers_of(alone.hear());
            alone.wait();
            // For one second.
            const double seconds = heard.at(0) / 1e9;
            measured.add(std::chrono::nanoseconds{std::int64_t(heard.at(0) / seconds)},
                         std::chrono::nanoseconds{std::int64_t(heard.at(1) / seconds)});
            measured.count("cpu_percent", 100 * heard.at(1) / heard.at(0));
          }};
}

}  // namespace bench::idle
