// The paths that tests/guard counts, run under callgrind: what one task costs in instructions,
// allocations and atomic operations. Usage: guard_paths PATH TASKS
//
// Each path runs TASKS tasks, then twice as many, and dumps the counts after each: what does not
// grow with the tasks cancels out. Counts have to repeat, so one worker runs the tasks, and only
// once all are submitted: a gate holds the first. A wrong result is exit code 1.
#include <valgrind/callgrind.h>

#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <narke/narke.hpp>

namespace {

/// Closed until `open()`. Threads wait for it without spinning in narke.
class gate {
 public:
  void wait() const { is_open_.wait(false); }
  void open() {
    is_open_.store(true);
    is_open_.notify_all();
  }

 private:
  std::atomic<bool> is_open_ = false;
};

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error{what};
}

int next_of(int value) {
  return value + 1;
}

/// Submitted by this thread, which gets all once they have run.
void fan_out(int tasks) {
  gate begin;
  gate end;
  const auto first = narke::task([&begin] { begin.wait(); }).remote();
  const auto task = narke::task(next_of);
  std::vector<narke::object_ref<int>> refs;
  refs.reserve(std::size_t(tasks));
  for (int i = 0; i != tasks; ++i) refs.push_back(task.remote(i));
  const auto last = narke::task([&end] { end.open(); }).remote();
  begin.open();
  end.wait();
  std::int64_t sum = 0;
  for (const int value : narke::get(refs)) sum += value;
  narke::get(first);
  narke::get(last);
  expect(sum == std::int64_t{tasks} * (tasks + 1) / 2, "fan_out: a wrong sum");
}

/// Each on the result of the one before, all submitted before the first runs.
void chain(int tasks) {
  gate begin;
  const auto task = narke::task(next_of);
  auto at = narke::task([&begin] {
              begin.wait();
              return 0;
            }).remote();
  for (int i = 0; i != tasks; ++i) at = task.remote(std::move(at));
  begin.open();
  expect(narke::get(std::move(at)) == tasks, "chain: a wrong end");
}

/// Tasks of tasks, which get what they submit: `depth` of them one in the other, two at each step.
int tree(int depth) {
  if (depth == 0) return 1;
  static const auto task = narke::task(tree);
  auto left = task.remote(depth - 1);
  const int right = tree(depth - 1);
  return narke::get(std::move(left)) + right;
}

/// Trees of 128 tasks each, the one at the root included. `tasks` is a multiple of that.
void nested(int tasks) {
  constexpr int depth = 7;
  const int trees = tasks / 128;
  gate begin;
  gate end;
  const auto first = narke::task([&begin] { begin.wait(); }).remote();
  const auto task = narke::task(tree);
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != trees; ++i) refs.push_back(task.remote(depth));
  const auto last = narke::task([&end] { end.open(); }).remote();
  begin.open();
  end.wait();
  int leaves = 0;
  for (const int each : narke::get(refs)) leaves += each;
  narke::get(first);
  narke::get(last);
  expect(leaves == trees * 128, "nested: a wrong number of leaves");
}

class counter {
 public:
  int add(int n) { return value_ += n; }
  void wait_for(gate* opened) { opened->wait(); }

 private:
  int value_ = 0;
};

/// Calls of one actor, all made before the first runs.
void actor_calls(int tasks) {
  gate begin;
  gate end;
  const auto object = narke::actor<counter>().remote();
  const auto held = object.task(&counter::wait_for).remote(&begin);
  const auto add = object.task(&counter::add);
  std::vector<narke::object_ref<int>> refs;
  refs.reserve(std::size_t(tasks));
  for (int i = 0; i != tasks; ++i) refs.push_back(add.remote(1));
  const auto last = object.task(&counter::wait_for).remote(&end);
  begin.open();
  narke::get(refs.back());
  end.open();
  std::int64_t sum = 0;
  for (const int value : narke::get(refs)) sum += value;
  narke::get(held);
  narke::get(last);
  expect(sum == std::int64_t{tasks} * (tasks + 1) / 2, "actor_calls: a wrong sum");
}

using floats = narke::array<float>;

/// Kernels in one stream of an emulated device that takes no time, and does nothing but count.
void gpu_chain(int tasks) {
  gate begin;
  std::atomic<int> executed = 0;
  const auto first = narke::task([&begin](narke::gpu_context& gpu) {
                       begin.wait();
                       return gpu.allocate<float>(16);
                     }).remote();
  const auto step =
      narke::task([&executed](narke::gpu_context& gpu, narke::device_span<const float> x) {
        auto out = gpu.allocate<float>(x.size());
        gpu.emulate([&executed] { executed.fetch_add(1, std::memory_order_relaxed); });
        return out;
      });
  narke::object_ref<floats> at = first;
  for (int i = 0; i != tasks; ++i) at = step.remote(std::move(at));
  begin.open();
  const floats last = narke::get(std::move(at));
  expect(last.size() == 16 && executed == tasks, "gpu_chain: a wrong number of kernels");
}

/// Values into the store, and out of it.
void put_get(int tasks) {
  std::int64_t sum = 0;
  for (int i = 0; i != tasks; ++i) {
    const auto ref = narke::put(i);
    sum += narke::get(ref);
  }
  expect(sum == std::int64_t{tasks} * (tasks - 1) / 2, "put_get: a wrong sum");
}

struct path {
  std::string_view name;
  void (*run)(int tasks);
};

constexpr path paths[] = {{"fan_out", fan_out},     {"chain", chain},
                          {"nested", nested},       {"actor_calls", actor_calls},
                          {"gpu_chain", gpu_chain}, {"put_get", put_get}};

/// Counts TASKS and twice TASKS, after a run that fills the pools of both. The advisor is on.
void count(const path& which, int tasks) {
  const narke::session session{
      {.num_cpus = 1,
       .emulated_gpus = {.count = which.run == gpu_chain ? 1 : 0, .memory_bytes = 1 << 30},
       .advisor = true}};
  which.run(2 * tasks);
  CALLGRIND_START_INSTRUMENTATION;
  which.run(tasks);
  CALLGRIND_ZERO_STATS;
  which.run(tasks);
  CALLGRIND_DUMP_STATS_AT("once");
  which.run(2 * tasks);
  CALLGRIND_DUMP_STATS_AT("twice");
  CALLGRIND_STOP_INSTRUMENTATION;
}

int run(std::string_view name, std::string_view tasks_text) {
  int tasks = 0;
  std::from_chars(tasks_text.data(), tasks_text.data() + tasks_text.size(), tasks);
  for (const path& each : paths) {
    if (each.name != name || tasks < 1) continue;
    count(each, tasks);
    return 0;
  }
  std::fprintf(stderr, "Usage: guard_paths PATH TASKS\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc == 3 ? argv[1] : "", argc == 3 ? argv[2] : "");
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "guard_paths: %s\n", wrong.what());
    return 1;
  }
}
