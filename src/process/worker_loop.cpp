#include <sys/mman.h>

#include <atomic>
#include <cstdio>
#include <system_error>
#include <utility>

#include <narke/detail/isolated_part.hpp>
#include <narke/errors.hpp>

#include "process/actor_here.hpp"
#include "process/exception_record.hpp"
#include "process/worker_control.hpp"
#include "process/worker_side.hpp"

namespace narke::internal {

namespace {

// Of this process, when it is a worker.
constinit std::atomic<worker_control*> this_control{nullptr};
constinit std::atomic<std::uint64_t> this_call{0};

class running_worker_call final : public detail::worker_call {
 public:
  running_worker_call(message_reader& from, message_writer& to, detail::code_address called)
      : worker_call{from, to, called} {}
  void start() override {
    if (arguments().left() != 0) {
      arguments().refuse("the arguments have more bytes than their types");
    }
    if (worker_control* control = this_control.load(std::memory_order_relaxed)) {
      control->started.store(this_call.load(std::memory_order_relaxed), std::memory_order_release);
    }
  }
};

// What this_actor tells in the call.
void enter(const call_head& head) {
  actor_here& here = actor_here::instance();
  here.name = head.actor_name;
  here.restarts = head.restarts;
  here.leaving = actor_leaving::not_at_all;
  here.thrown = nullptr;
}

// Before the answer, or in place of it: that the actor ends, when the call has asked for that.
bool send_leaving(int socket, bool by_throw) {
  const actor_here& here = actor_here::instance();
  if (here.leaving == actor_leaving::not_at_all) {
    return true;
  }
  message_writer to;
  write_leaving(to, here.leaving, here.reason, by_throw);
  return send_message(socket, message_kind::leaving, to);
}

// What a call was answered: its kind, with the contents in `to`.
message_kind answer_call(message_reader& from, message_writer& to, run_as_task runner) {
  call_head head;
  detail::worker_entry entry = nullptr;
  detail::code_address function = nullptr;
  try {
    head = read_call_head(from);
    enter(head);
    entry = reinterpret_cast<detail::worker_entry>(find(head.entry));
    function = head.function ? find(*head.function) : nullptr;
  } catch (const error& refused) {
    to.write(std::string{refused.what()});
    return message_kind::refused;
  }
  running_worker_call call{from, to, function};
  runner(head, [&] { entry(call); });
  return message_kind::value;
}

// An answer is sent whole or not at all: contents that were begun before a throw are left.
bool answer(int socket, message&& asked, run_as_task runner) {
  std::exception_ptr thrown;
  try {
    message_reader from = make_reader(std::move(asked));
    message_writer to;
    const message_kind kind = answer_call(from, to, runner);
    std::fflush(nullptr);
    return send_leaving(socket, false) && send_message(socket, kind, to);
  } catch (...) {
    thrown = std::current_exception();
  }
  std::fflush(nullptr);
  if (thrown == actor_here::instance().thrown) {
    return send_leaving(socket, true);
  }
  message_writer to;
  write_exception(to, thrown);
  return send_leaving(socket, false) && send_message(socket, message_kind::thrown, to);
}

}  // namespace

bool worker_call_is_to_stop() noexcept {
  const worker_control* control = this_control.load(std::memory_order_relaxed);
  return control != nullptr && control->asked_to_stop.load(std::memory_order_acquire) ==
                                   this_call.load(std::memory_order_relaxed);
}

int run_calls(int socket, run_as_task runner) noexcept {
  void* page = ::mmap(nullptr, sizeof(worker_control), PROT_READ | PROT_WRITE, MAP_SHARED,
                      worker_control_file, 0);
  if (page != MAP_FAILED) {
    this_control.store(static_cast<worker_control*>(page), std::memory_order_relaxed);
  }
  try {
    bool is_open = send_message(socket, message_kind::hello, message_writer{});
    while (is_open) {
      message asked;
      is_open = receive_message(socket, asked);
      if (is_open) {
        this_call.fetch_add(1, std::memory_order_relaxed);
        is_open = answer(socket, std::move(asked), runner);
      }
    }
    actor_here::instance().destroy_state();
    return 0;
  } catch (const std::exception&) {
    return 1;  // the parent sees an end without an answer
  }
}

}  // namespace narke::internal
