#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <narke/narke.hpp>

#include "../progress_bar.hpp"
#include "steps.hpp"

namespace demo {
namespace {

std::size_t do_some_work(std::size_t x, std::chrono::milliseconds duration) {
  std::this_thread::sleep_for(duration);
  return x * x;
}

}  // namespace

step_figures get_at_the_end(const workload& work) {
  const std::size_t tasks = work.slow_tasks;
  step_figures step;
  step.name = "get at the end";
  step.what = fmt::format("{} tasks that sleep for {} ms", tasks, work.slow_task.count());
  step.teaches =
      "get waits; asked for inside the loop it makes the loop serial again, so submit all first";

  std::vector<std::size_t> expected;
  {
    progress_bar progress{"serial loop", tasks};
    step.serial_seconds = seconds_of([&] {
      for (std::size_t i = 0; i < tasks; ++i, progress.advance()) {
        expected.push_back(do_some_work(i, work.slow_task));
      }
    });
  }
  const auto check = [&](const std::vector<std::size_t>& results) {
    for (std::size_t i = 0; i < tasks; ++i, ++step.checked)
      step.wrong += results.at(i) != expected[i];
  };

  auto slow = narke::task(do_some_work, {.name = "do_some_work"});
  std::vector<std::size_t> results;
  {
    progress_bar progress{"get in the loop", tasks};
    step.first = {"get in the loop", seconds_of([&] {
                    for (std::size_t i = 0; i < tasks; ++i, progress.advance()) {
                      results.push_back(narke::get(slow.remote(i, work.slow_task)));
                    }
                  })};
    check(results);
  }
  {
    progress_bar progress{"get at the end", tasks};
    std::vector<narke::object_ref<std::size_t>> refs;
    step.second = {"get at the end", seconds_of([&] {
                     for (std::size_t i = 0; i < tasks; ++i)
                       refs.push_back(slow.remote(i, work.slow_task));
                     for (auto& finished : narke::as_completed(refs)) {
                       (void)finished;
                       progress.advance();
                     }
                     results = narke::get(refs);
                   })};
    check(results);
  }
  return step;
}

}  // namespace demo
