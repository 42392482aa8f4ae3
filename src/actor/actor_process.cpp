// Actors with isolation::process: what becomes of a call that was made in the actor's process.
#include <utility>

#include <narke/errors.hpp>

#include "actor/actor_core.hpp"

namespace narke::detail {

namespace {

// What a call ended by whose process is gone: its text, when that is why.
std::string crash_text(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const worker_crashed_error& crashed) {
    return crashed.what();
  } catch (...) {
    return {};
  }
}

}  // namespace

internal::host_call actor_core::begin_in_process(const task_node& node) noexcept {
  internal::host_call made;
  const std::lock_guard lock{mutex_};
  made.host = process_.get();
  made.makes_state = &node == begun_constructor_;
  made.actor_name = name_;
  made.restarts = restarts();
  return made;
}

void actor_core::end_in_process(const task_node& node, const internal::host_call& made,
                                const std::exception_ptr& thrown) {
  using internal::actor_leaving;
  departure leaving{&node, death::lost, nullptr, nullptr, made.has_begun};
  if (made.is_process_gone) {
    const std::string crash = crash_text(thrown);
    leaving.cause = crash.empty() ? std::make_exception_ptr(worker_crashed_error{
                                        "its worker process was killed with the call that ran"})
                                  : thrown;
    leaving.thrown = crash.empty() ? thrown : error_of_lost_call(crash, leaving.cause);
  } else if (made.leaving == actor_leaving::lost) {
    leaving.cause = std::make_exception_ptr(error{made.reason});
    leaving.thrown = error_of_lost_call(made.reason, leaving.cause);
  } else if (made.leaving == actor_leaving::end) {
    leaving.why = death::exited;
    leaving.thrown = error_of(death::exited, nullptr);
  } else if (thrown != nullptr) {
    std::rethrow_exception(thrown);
  } else {
    return;
  }
  // Left by the exception that says so; or by its own, or by none, having caught that.
  const std::exception_ptr ends_by =
      made.is_process_gone || made.is_left_by_throw ? leaving.thrown : thrown;
  leave_by(std::move(leaving));
  if (ends_by != nullptr) {
    std::rethrow_exception(ends_by);
  }
}

}  // namespace narke::detail
