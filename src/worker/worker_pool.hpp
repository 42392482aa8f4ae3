// The threads of the fast lane, and the spare ones. A worker runs tasks while it holds a permit
// (one CPU); a thread without a permit runs what the placement lane hands to it, on the CPUs that
// were given to that work. One pool a process, never destroyed: it is started by init and stopped
// by shutdown. See idle_state.hpp for who sleeps and wakes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <narke/detail/task_node.hpp>

#include "worker/cpu_places.hpp"
#include "worker/idle_state.hpp"
#include "worker/injection_queue.hpp"
#include "worker/parker.hpp"
#include "worker/thread_state.hpp"
#include "worker/work_deque.hpp"

namespace narke::internal {

/// Something in the queues that is not a task: an actor with calls to run.
class turn : public detail::runnable {
 public:
  turn() noexcept : runnable{true} {}
  /// Runs for a while, on the CPU of the calling worker.
  virtual void take_turn() noexcept = 0;

 protected:
  ~turn() = default;
};

struct worker {
  explicit worker(int its_index)
      : index{its_index}, random{static_cast<std::uint32_t>(its_index) * 2654435761U + 1} {}

  const int index;
  work_deque<detail::runnable> deque;
  parker sleep;
  /// Set before the wake: run this, without a permit.
  std::atomic<detail::runnable*> handed{nullptr};
  bool begins_asleep = false;       ///< set before the thread is made, unless it has work
  int cpu = -1;                     ///< its own; while it sleeps, guarded by the pool's mutex
  std::uint32_t random;             ///< the worker's own
  std::uint32_t tick = 0;           ///< the worker's own
  /// How many it takes next time from the queue from outside: from so few to so many. Few, as
  /// others steal the newest of them first; twice as many each time that there were as many, as
  /// others then find their own there. The worker's own.
  std::uint32_t batch = batch_least;
  static constexpr std::uint32_t batch_least = 8;
  static constexpr std::uint32_t batch_most = 32;
  std::uint32_t unfetched = 0;      ///< of the last batch; the worker's own
  std::thread thread;               ///< guarded by the pool's mutex
};

/// The deque of a thread of the user's as long as it runs a task in place: what the task submits
/// lies there, as a worker's would, so that the thread finds it again and others steal it.
struct guest_deque {
  std::atomic<bool> is_taken{false};  ///< by the thread that pushes and pops
  work_deque<detail::runnable> items;
};

/// For tests: true makes the next thread fail as the system does when its limit is reached. Null:
/// never.
using thread_refusal = bool (*)() noexcept;
extern constinit thread_refusal thread_refusal_hook;

class worker_pool {
 public:
  static constexpr int threads_max_default = 1'024;

  static worker_pool& instance() noexcept {
    worker_pool* const pool = the_pool.load(std::memory_order_acquire);
    return pool != nullptr ? *pool : make();
  }

  /// Requires: no worker is there. Throws narke::error when not a single thread can be made.
  void start(int cpus, int threads_max = threads_max_default);
  /// Requires: nothing is queued and nothing runs. Ends and joins all workers.
  void stop();

  /// Queues something that is ready: on the worker's own deque, or the injection queue from
  /// outside. Any thread.
  void push(detail::runnable& item) noexcept {
    work_deque<detail::runnable>* const own = this_thread_state.deque;
    if (own == nullptr || !own->try_push(&item)) {
      injected_.push(item);
    }
    notify();
  }
  /// Wakes a sleeper if one is needed. After anything that may make work or a permit available. Any
  /// thread.
  void notify() noexcept {
    const idle_state::counts now = idle_.read();
    if (now.permits > 0 &&
        (now.searching + now.waking < searching_max_.load(std::memory_order_relaxed) ||
         is_search_held_up())) {
      notify_slowly();
    }
  }
  /// Whether a worker is to look for work, and does not: were there a CPU for it, it would have run
  /// by now. It may wait for that of the calling thread.
  [[nodiscard]] bool has_held_up_search() const noexcept {
    const idle_state::counts now = idle_.glance();
    return now.searching + now.waking > 0 && is_search_held_up();
  }
  /// Has a thread that needs no permit run this. Any thread.
  void hand_over(detail::runnable& item) noexcept;

  /// A deque for this thread, which is no worker and has none; null when all are taken.
  [[nodiscard]] guest_deque* enter_guest() noexcept;
  /// What is left goes to the queue of those that came from outside.
  void leave_guest(guest_deque& guest) noexcept;

  /// Queued tasks are there that anybody may take; out of date at once.
  [[nodiscard]] bool has_work() const noexcept;
  /// Puts permits back, and has them used, by either lane.
  void return_permits(int count) noexcept;
  /// Puts permits back for the workers to have first. For the placement lane.
  void give_permits_to_workers(int count) noexcept;
  [[nodiscard]] idle_state& idle() noexcept { return idle_; }
  [[nodiscard]] int cpus() const noexcept { return cpus_.load(std::memory_order_relaxed); }
  [[nodiscard]] int thread_count() const noexcept {
    return worker_count_.load(std::memory_order_acquire);
  }
  /// About where the head of the fast lane is: when what a worker last took from outside, or left
  /// for the placement lane's sake, was submitted.
  [[nodiscard]] std::uint64_t head_ticks() const noexcept;

  /// Counts this worker as blocked. Throws narke::error when all threads that there may be would
  /// then be blocked.
  void begin_block();
  void end_block() noexcept { blocked_.fetch_sub(1, std::memory_order_relaxed); }
  /// Whether a worker is there that is not blocked; makes one if need be. After begin_block and
  /// what it gave back, so that no thread waits for work that nobody is left to run: false when no
  /// thread can be made.
  [[nodiscard]] bool keep_one_unblocked() noexcept;

  /// Drops what a submitter queued from outside after stop().
  void drop_late() noexcept;
  /// Drops everything that is queued. Requires: stop() has returned.
  void drop_all() noexcept;

 private:
  worker_pool();
  static worker_pool& make() noexcept;
  void notify_slowly() noexcept;
  [[nodiscard]] bool is_search_held_up() const noexcept;

  void run_worker(worker& self) noexcept;
  bool work(worker& self, bool& searching) noexcept;
  bool sleep(worker& self, bool has_permit, bool searching) noexcept;
  bool sleep_until_woken(worker& self) noexcept;
  void look_for_sleeper() noexcept;
  void wait_for_room() const noexcept;
  detail::runnable* find(worker& self) noexcept;
  detail::runnable* find_oldest(worker& self) noexcept;
  detail::runnable* take_injected(worker& self) noexcept;
  detail::runnable* steal(worker& self) noexcept;
  void begin_searching() noexcept;
  bool start_searching() noexcept;
  void stop_searching() noexcept;
  detail::runnable* steal_from_guests() noexcept;
  void drop_injected() noexcept;
  detail::runnable* take_left_over() noexcept;
  void hand_over_left_over() noexcept;
  bool add_worker(detail::runnable* handed, bool with_permit) noexcept;
  bool add_worker_locked(detail::runnable* handed, bool with_permit);
  worker* pop_sleeper() noexcept;

  static constinit std::atomic<worker_pool*> the_pool;  // written once

  // Have their own synchronisation.
  idle_state idle_;
  injection_queue injected_;
  std::atomic<std::uint64_t> head_ticks_{0};  // written by workers, see head_ticks()
  // When a worker was last woken to look for work, or looked.
  std::atomic<std::uint64_t> seen_ticks_{0};
  cpu_places places_;
  std::atomic<int> blocked_{0};
  std::atomic<int> cpus_{1};  // written by start(); the next two as well
  std::atomic<int> searching_max_{1};
  std::atomic<int> threads_max_{threads_max_default};
  std::atomic<bool> stopping_{true};  // written under mutex_; no thread is made while it is set
  std::unique_ptr<std::atomic<worker*>[]> workers_;  // [0, worker_count_) are set
  std::atomic<int> worker_count_{0};
  std::atomic<int> left_over_count_{0};
  static constexpr std::size_t guests_max = 8;
  const std::unique_ptr<guest_deque[]> guests_{std::make_unique<guest_deque[]>(guests_max)};
  std::atomic<std::size_t> guests_seen_{0};  // how many of them were ever taken

  // Guarded by mutex_.
  std::mutex mutex_;
  std::vector<worker*> sleepers_;             // at least as many as idle_ counts
  std::vector<detail::runnable*> left_over_;  // handed over when no thread could be had
  std::vector<std::unique_ptr<worker>>
      owned_workers_;  // kept over stop(): a late reader may still look
};

}  // namespace narke::internal
