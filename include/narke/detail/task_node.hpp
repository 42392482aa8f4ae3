// A task: its state, callable, arguments and results in one piece of memory. The runtime sees this
// base; the types live in task_impl. An object_ref points to a slot of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>

#include <narke/detail/node_memory.hpp>
#include <narke/detail/result_slot.hpp>
#include <narke/detail/source_location.hpp>
#include <narke/export.hpp>

namespace narke::detail {

/// The states of a task, in order. Each says who may touch the task.
enum class task_state : std::uint8_t {
  submitted,  ///< being made: its submitter alone
  waiting,  ///< on the lists of its arguments: whoever takes the last of `unready_` down, or cancel
  ready,    ///< in a queue: whoever claims it
  claimed,  ///< somebody's: he alone
  running,  ///< its body runs: that thread alone
  finished,  ///< its results are there: nobody, it only waits to be let go
  inspected,  ///< waiting, and its arguments are looked at for a moment: whoever looks
  suspended,  ///< at a co_await: whoever takes the last of `unready_` down (worker/coroutine.hpp)
};

/// Which way a ready task goes.
enum class task_lane : std::uint8_t {
  fast,        ///< one CPU and nothing else
  placement,   ///< anything else: the placement core decides
  actor_call,  ///< the mailbox of its actor
};

/// The options, name and place of a task handle: shared by its tasks, counted, never changed once
/// made.
class task_info;
class gpu_part;
class co_part;
NARKE_EXPORT void add_ref(const task_info& info) noexcept;
NARKE_EXPORT void release_ref(const task_info& info) noexcept;

/// What was asked of an actor's call, by call_options.
struct call_settings {
  std::uint16_t group = 0;  ///< 0: the actor's own
};

/// What the queues of the workers hold: a task, or the turn of an actor.
struct runnable {
  explicit runnable(bool turn = false) noexcept : is_turn{turn} {}

  std::uint64_t submitted_ticks = 0;  ///< orders the lanes: the older goes first
  const bool is_turn;
};

class NARKE_EXPORT task_node : public runnable, public node_memory {
 public:
  task_node(const task_node&) = delete;
  task_node& operator=(const task_node&) = delete;

  // What the typed part does. None of these throws.

  /// Delivers the arguments, calls the callable and leaves each slot with its value or its error;
  /// then lets the callable and the arguments go, unless keeps_arguments. Requires: claimed, every
  /// argument ready. Never called for a GPU task, whose steps are those of its gpu_part. Of a
  /// coroutine task: until it suspends, and again to go on.
  virtual void invoke() noexcept = 0;
  /// Leaves `error` in each slot and lets the callable and the arguments go. Requires: claimed,
  /// invoke never called. For a GPU task also after its body was called, in place of the values.
  virtual void fail(const std::exception_ptr& error) noexcept = 0;
  /// Takes away what the body left in the slots. Requires: nobody else has seen it.
  virtual void clear_results() noexcept = 0;
  /// Lets the callable and the arguments go, which invoke has kept. Requires: keeps_arguments.
  virtual void let_go_arguments() noexcept = 0;
  /// Puts the task on the list of each argument that is not ready. How many these are.
  [[nodiscard]] virtual std::uint32_t register_dependencies() noexcept = 0;
  /// Calls `visit` with the slot of each ref among the arguments, in order, until it returns false.
  virtual void visit_arguments(bool (*visit)(void* context, const result_slot& slot),
                               void* context) const = 0;
  /// Of a stream: its results were published, by its body or early.
  virtual void published() noexcept {}
  /// The slots of the results.
  [[nodiscard]] virtual result_slot* slot(std::size_t index) noexcept = 0;
  [[nodiscard]] virtual std::size_t slot_count() const noexcept = 0;
  /// Of a coroutine task; null for others.
  [[nodiscard]] virtual co_part* coroutine() noexcept { return nullptr; }

  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release_ref() noexcept { release_refs(1); }
  /// Who has all that there are skips the locked instruction.
  void release_refs(std::uint32_t count) noexcept {
    if (refs_.load(std::memory_order_acquire) == count ||
        refs_.fetch_sub(count, std::memory_order_acq_rel) == count) {
      destroy();
    }
  }

  [[nodiscard]] task_state state() const noexcept {
    const task_state now = state_.load(std::memory_order_acquire);
    return now == task_state::inspected ? task_state::waiting : now;
  }
  void set_state(task_state to) noexcept { state_.store(to, std::memory_order_release); }
  /// Takes the task for the caller. Of all who try from `from`, one succeeds.
  [[nodiscard]] bool claim(task_state from) noexcept {
    task_state expected = from;
    while (!state_.compare_exchange_strong(expected, task_state::claimed, std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
      if (expected != task_state::inspected || from != task_state::waiting) {
        return false;
      }
      let_inspection_end();
      expected = from;
    }
    return true;
  }
  /// waiting → ready; false when somebody claimed it meanwhile.
  [[nodiscard]] bool make_ready() noexcept {
    task_state expected = task_state::waiting;
    return state_.compare_exchange_strong(expected, task_state::ready, std::memory_order_acq_rel,
                                          std::memory_order_acquire);
  }

  // To look at the arguments of a task that waits, from a thread that has a reference:
  //  1. the looker counts as one more argument that is not ready, unless none is left: so the task
  //     cannot become ready while he looks;
  //  2. he takes waiting → inspected: who cancels the task waits for him in claim();
  //  3. he looks, and puts waiting back;
  //  4. he is one argument that is ready: the last of them sends the task on, as always.

  /// Step 1. False: the task waits for nothing any more.
  [[nodiscard]] bool count_looker() noexcept {
    std::int32_t unready = unready_.load(std::memory_order_acquire);
    do {
      if (unready <= 0) {
        return false;
      }
    } while (!unready_.compare_exchange_weak(unready, unready + 1, std::memory_order_acq_rel,
                                             std::memory_order_acquire));
    return true;
  }
  /// Step 2. False: it does not wait, or another looks. Step 4 is due all the same.
  [[nodiscard]] bool begin_inspection() noexcept {
    task_state expected = task_state::waiting;
    return state_.compare_exchange_strong(expected, task_state::inspected,
                                          std::memory_order_acq_rel, std::memory_order_acquire);
  }

  /// Decides whose outcome counts: the body's, or an error that is published while the body still
  /// runs (a kill, a timeout). The body asks before it sets an error and before it publishes; the
  /// first to ask has it.
  [[nodiscard]] bool body_has_outcome() noexcept {
    if (!may_end_early) {
      return true;
    }
    outcome expected = outcome::open;
    return outcome_.compare_exchange_strong(expected, outcome::of_body, std::memory_order_acq_rel,
                                            std::memory_order_acquire) ||
           expected == outcome::of_body;
  }
  [[nodiscard]] bool outcome_is_decided() const noexcept {
    return !may_end_early || outcome_.load(std::memory_order_acquire) != outcome::open;
  }
  /// Whether somebody ended it early. The body may still have it, unless that is decided.
  [[nodiscard]] bool has_ended_early() const noexcept {
    return outcome_.load(std::memory_order_acquire) >= outcome::early_begun;
  }
  /// For another attempt. Requires: nobody can end it early at the moment.
  void reopen_outcome() noexcept { outcome_.store(outcome::open, std::memory_order_release); }
  /// Requires: may_end_early. Who has it calls end_early when it is done with the slots.
  [[nodiscard]] bool take_outcome_early() noexcept {
    outcome expected = outcome::open;
    return outcome_.compare_exchange_strong(expected, outcome::early_begun,
                                            std::memory_order_acq_rel, std::memory_order_acquire);
  }
  void end_early() noexcept { outcome_.store(outcome::early, std::memory_order_release); }
  /// Of the body, which has not the outcome: waits for end_early.
  void let_early_end() const noexcept;

  /// The error of the first argument that failed; null when none did. Requires: every argument
  /// ready; for a GPU task, those made by GPU tasks ordered.
  [[nodiscard]] std::exception_ptr first_failed_argument() const;

  /// Registers `entry` on `slot`. False when it is ready: nothing was done. For
  /// register_dependencies.
  [[nodiscard]] bool depend_on(result_slot& slot, dependent& entry) noexcept {
    entry.waiting = this;
    task_node* const producer = slot.producer();
    takes_results |= producer != nullptr;
    if (producer != nullptr && producer->gpu != nullptr) {
      return depend_on_gpu_task(*producer, slot, entry);
    }
    if (!slot.add_dependent(entry)) {
      note_argument(slot.failed());
      return false;
    }
    return true;
  }
  /// After register_dependencies. True when all that were registered are ready by now: the queue's
  /// reference is then the submitter's.
  [[nodiscard]] bool end_registration(std::uint32_t registered) noexcept {
    const std::int32_t surplus = registering - static_cast<std::int32_t>(registered);
    return unready_.fetch_sub(surplus, std::memory_order_acq_rel) == surplus;
  }
  /// Remembers that an argument failed. Before one_ready(), which publishes it.
  void note_argument(bool failed) noexcept {
    if (failed) {
      argument_failed_.store(true, std::memory_order_relaxed);
    }
  }
  /// Of the one for whom one_ready() was true: whether an argument failed. The arguments themselves
  /// are for nobody to look at but who has claimed the task.
  [[nodiscard]] bool argument_failed() const noexcept {
    return argument_failed_.load(std::memory_order_relaxed);
  }
  /// One thing less to wait for. True for the one who took the last: the queue's reference is then
  /// his.
  [[nodiscard]] bool one_ready() noexcept {
    return unready_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  /// A coroutine is about to wait: for one thing, and for who sees to it that it does. Requires:
  /// the last of what it waited for was taken.
  void begin_suspension() noexcept { unready_.store(2, std::memory_order_release); }

  /// As slot(0).
  [[nodiscard]] result_slot& first_slot() noexcept {
    return only_slot_distance_ != 0
               ? *reinterpret_cast<result_slot*>(reinterpret_cast<std::byte*>(this) +
                                                 std::size_t{only_slot_distance_} * 8)
               : *slot(0);
  }
  /// Whether slot_count() is 1: then first_slot() is quick. May say false.
  [[nodiscard]] bool has_one_slot() const noexcept { return only_slot_distance_ != 0; }

  // A million of these may be queued at a time: the small ones first, in the rest of a word that
  // the base leaves.

  // Constant after submission.
  task_lane lane = task_lane::fast;
  /// It has one result and nothing else: no options, no stream, no coroutine, no GPU, it is not
  /// listed and passes no refs. May be false of one that is so.
  bool is_plain = false;
  bool has_ref_arguments = false;
  bool takes_results = false;    ///< an argument is the result of a task
  bool passes_refs = false;      ///< a parameter is itself a ref, or a vector of them
  bool is_listed = false;        ///< in the list of tasks, for those who ask for one
  bool may_end_early = false;    ///< its outcome may be decided while its body runs
  bool is_stream = false;        ///< its results come one by one: it is told of the last
  bool keeps_arguments = false;  ///< there may be another attempt
  bool is_plain_call : 1 = false;  ///< of an actor: it waits for nothing, nor do those before it
  bool is_coroutine : 1 = false;   ///< it has a co_part
  call_settings of_call;         ///< of an actor's call
  // By the thread that runs it.
  bool has_children = false;     ///< it has submitted tasks
  bool is_at_co_await = false;   ///< of a coroutine, as its co_part::waits_at: it is suspended
  bool is_to_run_again = false;  ///< decided at the end of an attempt

  /// Where its body waits: by the thread that runs it, for reports.
  enum class blocking : std::uint8_t { none, get, wait };
  std::atomic<blocking> blocked_in{blocking::none};

 private:
  enum class outcome : std::uint8_t { open, of_body, early_begun, early };
  static constexpr std::int32_t registering = 1 << 30;

  std::atomic<task_state> state_{task_state::submitted};
  std::atomic<bool> argument_failed_{false};  // written by producers of arguments
  // Set once, by the body's thread or by who ends it early.
  std::atomic<outcome> outcome_{outcome::open};
  std::uint16_t only_slot_distance_ = 0;  // in 8 bytes; 0: not so near, or one of several

  // One for the runtime until the task has run or was dropped, and one for each slot with
  // references.
  std::atomic<std::uint32_t> refs_;
  // Arguments that are not ready. While the submitter registers, more than there can be, less those
  // that became ready meanwhile.
  std::atomic<std::int32_t> unready_{registering};

 public:
  std::uint32_t attempt = 0;  ///< from 0; by the thread that runs it

  // Constant after submission.
  const task_info* info = nullptr;  ///< null: no options were given
  source_location location;         ///< of `remote` in the user's program
  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;  ///< the task that submitted it; 0 = a thread outside
  gpu_part* gpu = nullptr;      ///< of a GPU task; null for a CPU task

  // Of the lane that it is in.
  void* lane_data = nullptr;  ///< the placement's record; the actor, which the task keeps in memory

 protected:
  explicit task_node(std::size_t references) noexcept
      : refs_{static_cast<std::uint32_t>(references)} {}
  virtual ~task_node() { let_owners_go(); }
  /// `delete this`, or what comes to the same.
  virtual void destroy() noexcept { delete this; }
  void let_owners_go() noexcept {
    if (lane == task_lane::actor_call || info != nullptr) [[unlikely]] {
      let_owners_go_slowly();
    }
  }
  /// Requires: the slot has this producer.
  void set_only_slot(const result_slot& only) noexcept {
    const auto distance = (reinterpret_cast<const std::byte*>(&only) -
                           reinterpret_cast<const std::byte*>(this)) /
                          8;
    only_slot_distance_ = distance <= UINT16_MAX ? static_cast<std::uint16_t>(distance) : 0;
  }

 private:
  bool depend_on_gpu_task(task_node& producer, result_slot& slot, dependent& entry) noexcept;
  void let_inspection_end() const noexcept;
  void let_owners_go_slowly() noexcept;
};

inline task_node& result_slot::its_producer() const noexcept {
  const std::size_t distance =
      std::size_t{producer_distance_high_} << 16U | std::size_t{producer_distance_low_};
  const std::byte* begin = reinterpret_cast<const std::byte*>(this) - distance * 8;
  return *reinterpret_cast<task_node*>(const_cast<std::byte*>(begin));
}
inline task_node* result_slot::producer() const noexcept {
  // Not one field, then the other: compilers make one wider read of that, has_value_ included,
  // which the producer may be writing.
  const std::size_t distance =
      std::size_t{producer_distance_high_} << 16U | std::size_t{producer_distance_low_};
  return distance == 0 ? nullptr : &its_producer();
}

inline void result_slot::set_producer(const task_node& producer) noexcept {
  const auto distance = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(this) -
                                                 reinterpret_cast<const std::byte*>(&producer)) /
                        8;
  producer_distance_low_ = static_cast<std::uint16_t>(distance);
  producer_distance_high_ = static_cast<std::uint8_t>(distance >> 16U);
}

/// Lets go of the actor that a call holds in memory. Set once, by the actor layer.
using actor_release = void (*)(void* actor) noexcept;
extern actor_release release_actor_of_call;

/// Tells whoever runs GPU tasks that the host waits for the results of `producer`, which is one:
/// their completion is to be looked for. Any thread, without a lock; often for the same task. Set
/// once, by the worker layer.
using completion_wanted = void (*)(task_node& producer) noexcept;
extern completion_wanted the_completion_wanted_hook;
NARKE_EXPORT void want_gpu_completion(task_node& producer) noexcept;
/// The same, when a GPU task fills `slot` and it is not ready. Before a thread waits, or looks
/// again.
inline void want_completion(const result_slot& slot) noexcept {
  if (slot.is_ready()) [[likely]] {
    return;  // the task is not looked at: it may lie far away
  }
  task_node* producer = slot.producer();
  if (producer != nullptr && producer->gpu != nullptr) {
    want_gpu_completion(*producer);
  }
}

/// Checks that a runtime is there (or starts one when nobody ever has), takes tasks, and can ever
/// run this one. Throws task_cancelled_error while it shuts down, narke::error after an explicit
/// shutdown, infeasible_request.
NARKE_EXPORT void check_can_submit(const task_info* info);

/// Leave to submit one task. Lives from before the task is made until it is submitted.
class submission {
 public:
  /// As check_can_submit. Throws std::invalid_argument when the task is to be retried and its
  /// arguments cannot be given twice; waits, or throws pending_limit_error, when its handle has as
  /// many unfinished tasks as it may.
  submission(const task_info* info, bool is_repeatable) {
    check_can_submit(info);
    if (info != nullptr && count(*info, is_repeatable)) [[unlikely]] {
      counted_ = info;
    }
  }
  submission(const submission&) = delete;
  submission& operator=(const submission&) = delete;
  ~submission() {
    if (counted_ != nullptr) [[unlikely]] {
      uncount(*counted_);
    }
  }
  /// The task is made: it is what is counted.
  void pass_on() noexcept { counted_ = nullptr; }

 private:
  NARKE_EXPORT static bool count(const task_info& info, bool is_repeatable);
  NARKE_EXPORT static void uncount(const task_info& info) noexcept;

  const task_info* counted_ = nullptr;
};
/// Hands `node` to the runtime, which takes one of its references over. Requires: a
/// submission, passed on.
NARKE_EXPORT void submit(task_node& node) noexcept;

}  // namespace narke::detail
