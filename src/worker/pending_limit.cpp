#include "worker/pending_limit.hpp"

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "task/task_rules.hpp"
#include "worker/execute.hpp"
#include "worker/lent_cpus.hpp"
#include "worker/lifecycle.hpp"

namespace narke::internal {

namespace {

bool runs_a_task_of(const detail::task_info& info) noexcept {
  const execution* running = this_thread_state.current;
  while (running != nullptr && running->node->info != &info) {
    running = running->outer;
  }
  return running != nullptr;
}

}  // namespace

bool wait_for_room(const detail::task_info& info, task_rules& rules, const std::string& who) {
  if (rules.try_add()) {
    return true;
  }
  if (runs_a_task_of(info)) {
    rules.add();
    return true;
  }
  if (!rules.waits_when_full()) {
    throw pending_limit_error{
        fmt::format("{}: max_pending: {} of its tasks are not finished, which is the limit. Take "
                    "results by narke::wait first, or let remote wait by when_full::wait",
                    who, rules.max_pending())};
  }
  while (!rules.try_add()) {
    const blocked_section blocked;
    rules.wait_for_room([]() noexcept { return is_draining(); });
    if (is_draining()) {
      throw task_cancelled_error{fmt::format(
          "{}: remote waited for room, and the runtime shuts down: nothing new starts", who)};
    }
  }
  return true;
}

}  // namespace narke::internal
