#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <narke/narke.hpp>

#include "../machine_text.hpp"
#include "../progress_bar.hpp"
#include "steps.hpp"

namespace demo {
namespace {

using matrix = std::vector<double>;

/// Whole numbers, so that a sum is exact whatever the order of its terms.
matrix make_matrix(std::size_t side) {
  matrix made(side * side);
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = double(i * 2654435761U % 1024) - 512;
  return made;
}

/// The sum of the elements whose place in the matrix is `task` modulo 16, so that each task has an
/// answer of its own.
double sum_for_task(const matrix& values, std::size_t task) {
  constexpr std::size_t stride = 16;
  double sum = 0;
  for (std::size_t i = task % stride; i < values.size(); i += stride) sum += values[i];
  return sum;
}

/// As `side`, or as much less as memory asks for: a copy a task, the matrix itself and the stored
/// one at a time.
std::size_t side_that_fits(std::size_t side, std::size_t tasks) {
  const std::map<std::string, double> resources = narke::available_resources();
  const auto store = resources.find("object_store_memory");
  const double store_bytes = store == resources.end() ? 0 : store->second;
  constexpr double own_bytes = 1024;  // of the vector beside its elements
  const double for_each =
      std::min(double(free_memory_bytes()) / double(tasks + 3), store_bytes) - own_bytes;
  const auto fits = std::size_t(std::sqrt(std::max(for_each, 0.0) / sizeof(double)));
  return std::clamp<std::size_t>(fits, 1, side);
}

template <typename Matrix>
std::vector<double> sum_with_tasks(const Matrix& values, std::size_t tasks) {
  progress_bar progress{"large matrix", tasks};
  auto sum_task = narke::task(sum_for_task, {.name = "sum"});
  std::vector<narke::object_ref<double>> refs;
  for (std::size_t i = 0; i < tasks; ++i, progress.advance())
    refs.push_back(sum_task.remote(values, i));
  return narke::get(refs);
}

}  // namespace

step_figures share_large_matrix(const workload& work) {
  const std::size_t tasks = work.matrix_tasks;
  const std::size_t side = side_that_fits(work.matrix_side, tasks);
  step_figures step;
  step.name = "large matrix";
  step.what = fmt::format("a matrix of {} x {} doubles ({:.0f} MB) summed by {} tasks", side, side,
                          double(side * side * sizeof(double)) / 1e6, tasks);
  step.teaches =
      "an argument given by value is copied for every task; put stores it once and tasks read it "
      "in place";
  if (side < work.matrix_side) {
    step.remarks.push_back(fmt::format(
        "smaller than {} x {}: {:.0f} MB of memory are free, too little for {} copies",
        work.matrix_side, work.matrix_side, double(free_memory_bytes()) / 1e6, tasks + 3));
  }
  const matrix values = make_matrix(side);
  std::vector<double> expected;
  step.serial_seconds = seconds_of([&] {
    for (std::size_t i = 0; i < tasks; ++i) expected.push_back(sum_for_task(values, i));
  });
  const auto check = [&](const std::vector<double>& results) {
    for (std::size_t i = 0; i < tasks; ++i, ++step.checked)
      step.wrong += results.at(i) != expected[i];
  };

  std::vector<double> results;
  step.first = {"by value to each task",
                seconds_of([&] { results = sum_with_tasks(values, tasks); })};
  check(results);
  step.second = {"once by put",
                 seconds_of([&] { results = sum_with_tasks(narke::put(values), tasks); })};
  check(results);
  return step;
}

}  // namespace demo
