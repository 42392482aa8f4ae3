#include "observe/advice.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace narke::internal {

namespace {

constexpr std::uint64_t gets_many = 8;
constexpr std::uint64_t fine_tasks_many = 1'000;
constexpr std::uint64_t copies_many = 4;
constexpr std::uint64_t copied_bytes_many = std::uint64_t{1} << 20;
constexpr std::uint64_t ordered_gets_many = 4;
constexpr double saved_ns_many = 1e6;
constexpr double saved_share_many = 0.1;

std::string time_text(double ns) {
  if (ns < 1e3) {
    return fmt::format("{:.0f} ns", ns);
  }
  if (ns < 1e6) {
    return fmt::format("{:.1f} us", ns / 1e3);
  }
  return ns < 1e9 ? fmt::format("{:.1f} ms", ns / 1e6) : fmt::format("{:.2f} s", ns / 1e9);
}

std::string bytes_text(std::uint64_t bytes) {
  const auto amount = static_cast<double>(bytes);
  return bytes < (1U << 20) ? fmt::format("{:.0f} KiB", amount / (1 << 10))
                            : fmt::format("{:.1f} MiB", amount / (1 << 20));
}

std::string quoted_task(const std::string& name, const source_location& at) {
  return fmt::format("task '{}' (submitted at {})", name, place_name(at));
}

bool is_too_fine(const task_counts& tasks, const advisor_facts& facts) {
  return tasks.count >= fine_tasks_many && tasks.timed != 0 &&
         tasks.body_ticks / tasks.timed < facts.submit_ticks;
}

bool is_same_line(const source_location& a, const source_location& b) {
  return a.line() == b.line() && std::string_view{a.file_name()} == b.file_name();
}

class judge {
 public:
  explicit judge(const advisor_facts& facts) : facts_{facts} {}

  std::vector<advice_entry> all() {
    for (const auto& each : facts_.lonely) {
      judge_lonely(each);
    }
    for (const auto& each : facts_.tasks) {
      judge_tasks(each);
    }
    for (const auto& each : facts_.copied) {
      judge_copied(each);
    }
    for (const auto& each : facts_.ordered) {
      judge_ordered(each);
    }
    for (const auto& each : facts_.pending) {
      judge_pending(each);
    }
    for (const auto& each : facts_.arguments) {
      judge_arguments(each);
    }
    const auto key = [](const advice_entry& entry) {
      return std::tuple{std::string_view{entry.code}, std::string_view{entry.location.file_name()},
                        entry.location.line()};
    };
    std::sort(found_.begin(), found_.end(),
              [&](const auto& a, const auto& b) { return key(a) < key(b); });
    return std::move(found_);
  }

 private:
  void add(const char* code, std::string message, const source_location& at, std::uint64_t count) {
    found_.push_back({code, std::move(message), at, count});
  }
  [[nodiscard]] double ns(std::uint64_t ticks) const {
    return static_cast<double>(ticks) * facts_.ns_per_tick;
  }

  void judge_lonely(const lonely_gets& gets) {
    if (gets.count < gets_many || gets.others > gets.count) {
      return;
    }
    add("get-in-loop",
        fmt::format("get waits for {} right after it was submitted, {} times, with nothing else "
                    "to do in between: CPUs idled for {}. Submit all tasks first, then "
                    "narke::get(refs); or hand a ref on as the argument of the next task",
                    quoted_task(gets.where.task, gets.where.remote_at), gets.count,
                    time_text(ns(gets.idle_ticks))),
        gets.where.get_at, gets.count);
  }

  void judge_tasks(const task_counts& tasks) {
    if (!is_too_fine(tasks, facts_)) {
      return;
    }
    const double body = ns(tasks.body_ticks) / static_cast<double>(tasks.timed);
    const double submit = ns(facts_.submit_ticks);
    add("tasks-too-fine",
        fmt::format("task '{}' ran {} times, for {} each, and it takes {} to submit a task: {} in "
                    "all, more than the work itself. Give a task a range of these calls, enough "
                    "for some 10 us",
                    tasks.task, tasks.count, time_text(body), time_text(submit),
                    time_text(submit * static_cast<double>(tasks.count))),
        tasks.remote_at, tasks.count);
  }

  void judge_copied(const copied_arguments& copies) {
    const std::uint64_t bytes = copies.copied_bytes + copies.shared_bytes;
    if (copies.count < copies_many || bytes < copied_bytes_many) {
      return;
    }
    add("large-argument-copied",
        fmt::format("task '{}' was given the same large argument by value {} times: {} were "
                    "copied{}. Store it once, auto ref = narke::put(std::move(value)), and give "
                    "the tasks the ref; a parameter const T& then reads it in place",
                    copies.task, copies.count, bytes_text(copies.copied_bytes),
                    copies.shared_bytes != 0
                        ? fmt::format(" and {} compared", bytes_text(copies.shared_bytes))
                        : std::string{}),
        copies.remote_at, copies.count);
  }

  void judge_ordered(const ordered_gets& gets) {
    const double between =
        ns(gets.between_ticks) / static_cast<double>(std::max<std::uint64_t>(
                                     gets.count - std::min<std::uint64_t>(gets.count, 1), 1));
    const double saved = std::min(ns(gets.slept_ticks), between * static_cast<double>(gets.early));
    if (gets.count < ordered_gets_many || saved < saved_ns_many ||
        saved < saved_share_many * ns(gets.loop_ticks)) {
      return;
    }
    add("results-in-submission-order",
        fmt::format("{} results of {} were taken in the order of submission; the thread waited "
                    "while later ones were ready, and could have worked on them for {} of {}. "
                    "Take each as it comes: for (auto& ref : narke::as_completed(refs))",
                    gets.count, quoted_task(gets.where.task, gets.where.remote_at),
                    time_text(saved), time_text(ns(gets.loop_ticks))),
        gets.where.get_at, gets.count);
  }

  void judge_pending(const pending_tasks& tasks) {
    const bool is_fine = std::any_of(facts_.tasks.begin(), facts_.tasks.end(), [&](const auto& of) {
      return is_same_line(of.remote_at, tasks.remote_at) && is_too_fine(of, facts_);
    });
    if (tasks.count < pending_tasks_many || is_fine) {
      return;
    }
    add("too-many-pending-tasks",
        fmt::format("{} tasks were pending when task '{}' was submitted, some {} of memory without "
                    "their arguments' and results'. Keep a limited number in flight: narke::wait "
                    "for some of them before the next is submitted, or give a task a range of "
                    "the calls",
                    tasks.count, tasks.task, bytes_text(tasks.bytes)),
        tasks.remote_at, tasks.count);
  }

  void judge_arguments(const argument_gets& gets) {
    if (gets.count < gets_many || gets.waited == 0) {
      return;
    }
    add("get-on-task-argument",
        fmt::format("{} calls get on refs that it was given, {} times, of which {} had to wait, "
                    "for {} in all, each with a thread that stood still. Make the parameter the "
                    "value (const T& for object_ref<T>, std::vector<T> for a list of refs): the "
                    "task then starts when its arguments are there",
                    quoted_task(gets.where.task, gets.where.remote_at), gets.count, gets.waited,
                    time_text(ns(gets.waited_ticks))),
        gets.where.get_at, gets.count);
  }

  const advisor_facts& facts_;
  std::vector<advice_entry> found_;
};

}  // namespace

std::vector<advice_entry> findings(const advisor_facts& facts) {
  return judge{facts}.all();
}

std::string place_name(const source_location& at) {
  std::string_view file{at.file_name()};
  file.remove_prefix(file.rfind('/') + 1);
  return file.empty() ? "an unknown line" : fmt::format("{}:{}", file, at.line());
}

}  // namespace narke::internal
