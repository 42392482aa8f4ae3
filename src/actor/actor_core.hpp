// One actor: its mailbox, its state, and the rules of who may run when. Thread-safe; its mutex is a
// leaf: nothing of the user's runs under it, and no other lock is taken.
//
// Life of a call:
//  1. submit: its place among the calls of its submitter is fixed. If it waits for an argument, or
//     stands behind one that does, it is held back in the line of its submitter; else it goes to
//     the mailbox.
//  2. When the head of a line is ready, it and the ready ones behind it go to the mailbox.
//  3. Mailbox to worker: turns take calls off the mailbox, one turn at a time for each of
//     max_concurrency. Each concurrency group has a mailbox and turns of its own, and a submitter
//     has a line for each group.
//  4. It runs like any task, and its results are published.
// Most calls wait for nothing, and nor does a call before them: they come to the mailbox of the
// actor's own group by the inbox, without the mutex (call_inbox.hpp). While the mailbox is not
// empty, or as many turns as are allowed are under way, a turn will look into the inbox.
// The constructor is the first call; nothing else runs before it is done. An actor that asks for
// resources first waits for the placement lane.
//
// Life of an actor that is lost (actor_life.cpp):
//  1. lose: no call begins any more. Those that run go on, on the state that is lost.
//  2. When none runs, the state is destroyed and the resources go back, on the thread that finds it
//     so.
//  3. The same thread makes the constructor call again, which goes the way of the first: arguments,
//     resources, mailbox. Calls that waited in mailboxes and lines wait on.
// A kill at any of these steps wins: who comes to the next one finds the actor dead.
//
// The state of an actor with isolation::process is in a process of its own (actor_process.cpp),
// where its calls are made one at a time. When that ends, the actor is lost. A call that has found
// its process gone before its body began is given again in any case.
//
// A call that is lost with its actor, and may be given again (max_task_retries):
//  1. Its thread asks was_call_lost, once its body has ended: it is to run again, and is not
//     published.
//  2. end_call counts it as returning, so that step 3 of a loss waits for it, and begins the loss
//     at once: no other call comes between. A GPU call counts from its begin until its work is
//     complete.
//  3. give_again puts it before the calls of its submitter that came after it, or fails it when the
//     actor is dead by then.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include <narke/actor.hpp>
#include <narke/detail/task_info_ref.hpp>
#include <narke/options.hpp>

#include "actor/call_inbox.hpp"
#include "base/adaptive_mutex.hpp"
#include "process/process_host.hpp"
#include "resources/resource_request.hpp"
#include "worker/placement_lane.hpp"
#include "worker/thread_state.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {
class borrowed_cpu;
}

namespace narke::detail {

/// Why an actor is dead.
enum class death : std::uint8_t {
  killed,
  shutdown,            ///< the runtime ended first
  constructor_failed,  ///< it threw, or one of its arguments had failed
  exited,              ///< this_actor::end
  lost,                ///< and no restart was left
};

class actor_core {
 public:
  actor_core(const actor_options& options, const std::type_info& type);
  actor_core(const actor_core&) = delete;
  actor_core& operator=(const actor_core&) = delete;

  // Handles. The last one ends the actor, after the calls already made.
  void add_handle() noexcept { handles_.fetch_add(1, std::memory_order_relaxed); }
  /// False when the last handle is gone: it is too late.
  [[nodiscard]] bool try_add_handle() noexcept;
  void release_handle() noexcept;

  // Memory: one reference for all handles together, one for the registry, one for each call as long
  // as its node exists, one for each turn that is scheduled, one while it asks for resources.
  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release_ref() noexcept;

  void submit_constructor(task_node& node) noexcept;
  void submit_call(task_node& node) noexcept;
  /// The arguments of `node` are ready. Takes over one reference to it.
  void call_is_ready(task_node& node) noexcept;
  /// Runs `node` on this thread when it is the next call and nothing else runs. Whether it did.
  [[nodiscard]] bool try_call_in_place(task_node& node) noexcept;
  /// A call that waited for an argument, and that its caller has claimed, is out.
  void forget_held(task_node& node) noexcept;

  /// One more call is about to be made. Throws pending_calls_limit_exceeded.
  void reserve_call();
  void give_back_call() noexcept;
  [[nodiscard]] call_settings settings_for(const call_options& options) const;
  /// What calls with these options have to follow; null: nothing.
  [[nodiscard]] task_info_ref info_for(const call_options& options) const;
  /// Of calls without options of their own.
  [[nodiscard]] const task_info* info_of_calls() const noexcept { return info_of_calls_.get(); }
  /// Before submit_constructor. Null: it is never made again.
  void keep_constructor(std::unique_ptr<const constructor_source> source) noexcept;
  /// Appends the calls that run. False when another may begin.
  [[nodiscard]] bool list_running(std::vector<const task_node*>& to) const;
  /// By which it holds its resources, or asks for them; 0: neither.
  [[nodiscard]] std::uint64_t ticket() const;

  /// Fails what waits and what runs; the state goes when nothing runs any more. `cause`: what the
  /// constructor threw, or what the actor was lost by.
  /// `ends_here`: the user's destructor may run on this thread; else it is left to a worker.
  void die(death why, const std::exception_ptr& cause = nullptr, bool ends_here = true) noexcept;
  /// The state is gone or worthless: the actor is made again when it may be, else it dies. Called
  /// by whoever finds out: a device that fails, a process that hosts the actor and ends.
  /// `after_restarts`: of the state that is lost; nothing happens when there is another by now.
  void lose(const std::exception_ptr& cause, bool ends_here = true,
            std::optional<int> after_restarts = std::nullopt) noexcept;
  /// How a call that runs ends the actor, once its body has ended.
  struct departure {
    const task_node* call = nullptr;
    death why = death::exited;  ///< or lost
    std::exception_ptr cause;
    std::exception_ptr thrown;  ///< what the body ends by, unless it catches it
    bool has_begun = true;      ///< else its body has not run: the attempt does not count
  };
  /// From inside of the call.
  void leave_by(departure leaving) noexcept;
  /// The error of calls that do not run to their end for that reason.
  [[nodiscard]] std::exception_ptr error_of(death why, const std::exception_ptr& cause) const;
  /// That of the call in which the actor was lost.
  [[nodiscard]] std::exception_ptr error_of_lost_call(const std::string& reason,
                                                      const std::exception_ptr& cause) const;

  // An actor with isolation::process (actor_process.cpp).
  [[nodiscard]] bool is_isolated() const noexcept { return process_ != nullptr; }
  [[nodiscard]] std::int64_t memory_bytes() const noexcept { return request_.memory_bytes; }
  /// Before `node`, a call that runs, is made in the process.
  [[nodiscard]] internal::host_call begin_in_process(const task_node& node) noexcept;
  /// After it was. `thrown`: what it ended by; null: it returned. Throws what the call ends by.
  void end_in_process(const task_node& node, const internal::host_call& made,
                      const std::exception_ptr& thrown);
  // Calls that may be given again: steps 1 to 3 above, and the end of one that is not.
  [[nodiscard]] bool was_call_lost(const task_node& node) const noexcept;
  void give_again(task_node& node) noexcept;
  void call_is_settled(const task_node& node) noexcept;

  [[nodiscard]] int restarts() const noexcept { return restarts_.load(std::memory_order_relaxed); }

  void set_state(void* state, void (*destroy)(void*) noexcept) noexcept;
  [[nodiscard]] void* state() const noexcept { return state_; }
  [[nodiscard]] bool is_alive() const noexcept;
  [[nodiscard]] bool has_handles() const noexcept {
    return handles_.load(std::memory_order_acquire) != 0;
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::type_index type() const noexcept { return type_; }
  [[nodiscard]] std::string display_name() const;
  /// Why `node`, a call of this actor that does not run, waits: a sentence for people.
  [[nodiscard]] std::string why_call_waits(const task_node& node);

 private:
  class actor_turn final : public internal::turn {
   public:
    explicit actor_turn(actor_core& of) noexcept : actor_{of} {}
    void take_turn() noexcept override { actor_.take_turn(*this); }
    std::size_t group = 0;  ///< set while it is scheduled

   private:
    actor_core& actor_;
  };
  class own_process final : public internal::process_host {
   public:
    explicit own_process(actor_core& of) noexcept : actor_{of} {}
    void keep() noexcept override { actor_.add_ref(); }
    void lost(const std::exception_ptr& why, int restarts) noexcept override {
      actor_.lose(why, false, restarts);
      actor_.release_ref();
    }

   private:
    actor_core& actor_;
  };
  enum class phase : std::uint8_t {
    arriving,      ///< the constructor waits for arguments or resources
    constructing,  ///< the constructor is in the mailbox or runs
    alive,
    restarting,  ///< lost: what runs may end, then it is made again
    dead,        ///< calls fail; what runs may end
  };
  struct call_group {
    std::string name;
    std::size_t limit = 1;           // how many may run at once
    std::deque<task_node*> mailbox;  // ready to run, in order
    std::size_t running = 0;
    std::size_t scheduled = 0;  // turns in a queue, or running
    std::size_t in_place = 0;   // calls that run on the thread that waits for them
  };
  struct call_in_stream {
    int restarts;               // of the actor, when it began
    std::exception_ptr thrown;  // by its body, to lose the actor
  };
  struct held_call {
    task_node* node;
    bool is_ready;
  };
  using line = std::list<held_call>;
  struct line_key {
    std::uint64_t submitter;
    std::uint16_t group;
    friend bool operator==(const line_key&, const line_key&) = default;
  };
  struct line_key_hash {
    std::size_t operator()(const line_key& key) const noexcept {
      return static_cast<std::size_t>(key.submitter * 31 + key.group);
    }
  };
  struct place_in_line {
    line_key key;
    line::iterator position;
  };

  ~actor_core() = default;

  void take_turn(actor_turn& turn) noexcept;
  void post(task_node& node) noexcept;
  void wake_up() noexcept;
  void move_on_locked() noexcept;
  [[nodiscard]] bool has_more_locked(call_group& group) noexcept;
  [[nodiscard]] task_node* begin_call_locked(call_group& group) noexcept;
  [[nodiscard]] internal::placement_record* record_of(internal::cpu_hold hold) noexcept;
  void run_gpu_call(task_node& node, internal::cpu_hold hold) noexcept;
  void run_call(task_node& node, internal::cpu_hold hold,
                internal::borrowed_cpu* borrowed) noexcept;
  void fail_if_dead(task_node& node) noexcept;
  void end_call(task_node& node) noexcept;
  [[nodiscard]] bool may_be_made_again_locked() const noexcept;
  void put_before_later_calls_locked(task_node& node);
  /// True: the caller is to submit record_, after the lock.
  [[nodiscard]] bool constructor_is_ready_locked(task_node& node);
  void open() noexcept;
  void queue_constructor_locked() noexcept;
  void move_ready_locked(const line_key& key) noexcept;
  /// The turn that is needed now, if one is: to be scheduled after the lock.
  [[nodiscard]] actor_turn* next_turn_locked(std::size_t group);
  /// A turn whether there are calls or not.
  [[nodiscard]] actor_turn* bare_turn_locked(std::size_t group);
  void end_here_or_by_turn(bool here) noexcept;
  void end_by_turn_if_done() noexcept;
  void lose_by_streamed(const task_node& node) noexcept;
  void schedule(actor_turn* turn) noexcept;
  void schedule_all() noexcept;
  /// How many calls of the group may run at once.
  [[nodiscard]] std::size_t allowed_locked(const call_group& group) const noexcept;
  [[nodiscard]] bool is_idle_locked() const noexcept;
  [[nodiscard]] bool is_done_locked() const noexcept;
  [[nodiscard]] bool is_to_be_made_again_locked() const noexcept;
  /// After anything that may have been the last that kept the actor from its end, or from being
  /// made again.
  void end_if_done() noexcept;
  void end() noexcept;
  void make_again() noexcept;
  void destroy_state() noexcept;
  void connect_record() noexcept;
  [[nodiscard]] departure take_departure_locked(const task_node& call) noexcept;
  struct doomed_calls {
    std::vector<task_node*> ready;    // with the queue's reference
    std::vector<task_node*> waiting;  // with one of our own
    std::vector<task_node*> running;  // with one of our own
  };
  [[nodiscard]] doomed_calls take_calls_locked();
  struct loss {
    bool is_made_again = false;
    task_node* unbegun = nullptr;  // a constructor call that is to be failed
  };
  [[nodiscard]] loss lose_locked(const std::exception_ptr& cause) noexcept;
  void finish_loss(const loss& begun, const std::exception_ptr& cause, bool ends_here) noexcept;
  [[nodiscard]] task_node* begin_loss_locked(const std::exception_ptr& cause) noexcept;
  static void fail_waiting(task_node& node, const std::exception_ptr& error) noexcept;
  [[nodiscard]] std::exception_ptr death_error_locked() const;
  [[nodiscard]] internal::cpu_hold hold_of_methods() const noexcept;

  // Constant.
  const std::string name_;
  const std::type_index type_;
  const internal::resource_request request_;
  const bool methods_take_permit_;
  const std::size_t concurrency_;  // of all groups together
  const bool is_detached_;
  const std::size_t max_pending_calls_;
  const task_info_ref info_of_calls_;
  const std::unique_ptr<own_process> process_;  // null: the state is in this process

  // Have their own synchronisation.
  std::atomic<std::uint32_t> handles_{1};
  std::atomic<std::uint32_t> refs_{1};
  std::atomic<int> restarts_{0};  // written under mutex_

  // Written once, before the first constructor call.
  std::unique_ptr<const constructor_source> source_;

  // Written by the constructor's thread before any method, read by methods.
  void* state_ = nullptr;
  void (*destroy_)(void*) noexcept = nullptr;
  internal::placement_record record_;

  internal::call_inbox inbox_;
  std::atomic<std::size_t> line_count_{0};  // written under the mutex: how many lines there are

  mutable internal::adaptive_mutex mutex_;
  // Guarded by mutex_.
  phase phase_ = phase::arriving;
  bool is_asking_ = false;  // it waits for its resources
  bool is_placed_ = false;  // it holds its resources
  bool is_ended_ = false;   // the state is gone, or going
  bool no_handles_ = false;
  bool is_being_made_again_ = false;  // a thread is between the old state and the new constructor
  death why_ = death::killed;         // it is dead
  std::exception_ptr cause_;          // why it is dead
  double restarts_left_ = 0;          // below 0: without end
  task_node* constructor_ = nullptr;  // while it arrives
  bool constructor_has_arguments_ = false;
  const task_node* begun_constructor_ = nullptr;              // in the mailbox, or running
  std::vector<call_group> groups_;                            // the first is the actor's own
  std::unordered_map<line_key, line, line_key_hash> lines_;   // none is empty
  std::unordered_map<const task_node*, place_in_line> held_;  // where a held call stands
  std::vector<task_node*> running_;
  std::vector<departure> departures_;      // of calls that run
  std::size_t returning_ = 0;              // calls that ended, and are about to be given again
  std::vector<const task_node*> unbegun_;  // of these, those whose bodies have not run
  std::unordered_map<const task_node*, call_in_stream> in_stream_;  // GPU calls that may be lost
  std::size_t pending_calls_ = 0;  // made and not done; counted when there is a limit
  std::deque<actor_turn> turns_;
  std::vector<actor_turn*> idle_turns_;
};

}  // namespace narke::detail

namespace narke::internal {

/// All actors that are not ended, and the names of the living.
struct actor_registry {
  /// False when a living actor has the name.
  [[nodiscard]] static bool try_add(detail::actor_core& actor);
  static void free_name(detail::actor_core& actor) noexcept;
  static void remove(detail::actor_core& actor) noexcept;
  /// With one more handle; null when nobody living has the name. Throws std::invalid_argument when
  /// it is of another type.
  static detail::actor_core* find(const std::string& name, const std::type_info& type);
  /// Ends all. Requires: no worker is left.
  static void end_all() noexcept;
  static std::size_t count() noexcept;
};

}  // namespace narke::internal
