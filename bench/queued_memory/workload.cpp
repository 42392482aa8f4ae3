#include "queued_memory/workload.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "harness/child.hpp"

namespace bench::queued_memory {
namespace {

constexpr double bytes_a_kilobyte = 1024;

/// A line of this process's status, such as VmHWM: the most it has had in memory.
double status_bytes(const std::string& name) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name + ":")) continue;
    return numbers_of(line.substr(name.size() + 1)).at(0) * bytes_a_kilobyte;
  }
  throw std::runtime_error{fmt::format("/proc/self/status has no {}", name)};
}

/// From here on VmHWM is told anew.
void forget_peak() {
  std::ofstream{"/proc/self/clear_refs"} << "5\n";
}

void check(const std::vector<int>& values, std::size_t tasks) {
  expect_equal(values.size(), tasks, "the number of results");
  for (std::size_t i = 0; i != tasks; ++i) {
    expect_equal(values[i], value_of(int(i)), fmt::format("result {}", i));
  }
}

const runtime& find(const std::vector<runtime>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const runtime& each) { return each.name == name; });
  if (found == all.end()) throw std::invalid_argument{fmt::format("no runtime \"{}\"", name)};
  return *found;
}

}  // namespace

std::vector<runtime> runtimes() {
  return {onetbb(), thread_pool(), starpu(), narke()};
}

void measure_here(const std::string& name, std::size_t tasks) {
  const std::vector<runtime> all = runtimes();
  const runtime& which = find(all, name);
  const auto once = [&](std::size_t count, const std::function<void()>& queued) {
    gate held;
    check(which.submit(count, held, queued), count);
  };
  // A few, so that threads and tables that are made once are there.
  once(100, [] {});
  forget_peak();
  const double bytes_before = status_bytes("VmRSS");
  const auto begin = std::chrono::steady_clock::now();
  double bytes = 0;
  double ns = 0;
  once(tasks, [&] {
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    ns = took.count();
    bytes = status_bytes("VmHWM") - bytes_before;
  });
  std::cout << bytes / double(tasks) << ' ' << ns / double(tasks) << '\n' << std::flush;
}

contender contender_of(const runtime& which, const parameters& asked) {
  return {which.name, [asked, name = which.name, share = which.share](run& measured) {
            const std::size_t tasks = asked.tasks / share;
            child alone{{name, std::to_string(tasks)}};
            const std::vector<double> heard = numbers_of(alone.hear());
            alone.wait();
            const std::chrono::nanoseconds took{std::int64_t(heard.at(1) * double(asked.tasks))};
            measured.add(took, took);
            measured.count("bytes_a_task", heard.at(0));
          }};
}

}  // namespace bench::queued_memory
