// The worker processes: made when they are needed, used again, ended with the runtime. Any thread.
//
// Life of a call, on the thread that runs the task:
//  1. It is registered: from here on end() finds it, and its stop token is listened to.
//  2. A worker of the same GPUs is taken from the idle ones, or the keeper spawns one.
//  3. The call is sent. The worker notes that the body begins (worker_control::started) before it
//     calls it, and sends the result, or what was thrown.
//  4. A worker that dies before it noted that has not run the body: the call is made again. After
//     that it is not, whatever happens: no body runs twice.
//  5. The call is unregistered; who ended it meanwhile decides what is thrown.
//
// The keeper is a thread that lives as long as there are workers. It spawns them, as a worker dies
// with the thread that spawned it (PR_SET_PDEATHSIG); it reaps those that die idle, and holds those
// that have a limit of memory to it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <narke/detail/isolated_part.hpp>

#include "process/message.hpp"
#include "process/process_host.hpp"
#include "process/worker_process.hpp"

namespace narke::internal {

/// A task's call, as the pool needs to know it.
struct isolated_call {
  const detail::task_node* node = nullptr;
  detail::isolated_part* part = nullptr;
  std::string name;          ///< this_task::name() in the worker
  std::string display_name;  ///< in messages
  std::uint64_t id = 0;
  int attempt = 0;
  std::vector<std::string> gpu_uuids;  ///< all that it sees
  std::int64_t memory_bytes = 0;       ///< limit; 0: none
  std::stop_token stop;                ///< stop_requested() there turns true with it
  host_call* hosted = nullptr;         ///< of an actor with a process of its own
};

class process_pool {
 public:
  static process_pool& instance();

  /// As detail::run_isolated. Of a hosted call it says what became of the process, whether it
  /// returns or throws.
  void run(const isolated_call& call);
  /// Kills the worker that makes the call of `node`, or keeps it from starting: run() then throws
  /// `why`. False when no such call is under way.
  bool end(const detail::task_node& node, const std::exception_ptr& why) noexcept;

  /// Kills the process of an actor, and starts no other.
  void kill(process_host& host) noexcept;
  /// Ends it: destroys the state there, or kills it when it is to be killed or takes seconds to.
  /// Returns when it is gone. Requires: no call runs there.
  void end(process_host& host) noexcept;

  /// So many workers stay when nothing is to be done.
  void keep_idle(std::size_t count) noexcept;
  /// Ends all workers and the keeper, within seconds. Requires: no call runs.
  void stop() noexcept;

 private:
  using worker_ptr = std::shared_ptr<worker_process>;

  struct running_call {
    const isolated_call* call = nullptr;
    worker_process* worker = nullptr;  // while it has one
    std::exception_ptr why;            // who ended it
    bool is_to_stop = false;
    bool has_begun = false;
    std::uint64_t number = 0;  // of the worker's calls
    std::int64_t base_bytes = 0;
  };
  struct spawn_request {
    const std::vector<std::string>* gpu_uuids = nullptr;
    worker_ptr made;
    std::exception_ptr failed;
    bool is_done = false;
  };
  struct ending_worker {
    worker_ptr worker;
    int rounds_left = 0;  // then it is killed
  };
  class registration;
  class lease;
  class stay;
  static constexpr int reap_period_ms = 2;
  static constexpr int ending_rounds = 5'000 / reap_period_ms;

  // A call.
  std::optional<process_end> attempt(running_call& running, const message_writer& request);
  static bool wait_until_ready(worker_process& worker);
  bool begin_call(running_call& running, worker_process& worker);
  bool receive_answer(running_call& running, worker_process& worker, message& answer);
  worker_ptr acquire(const isolated_call& call);
  worker_ptr acquire_idle_locked(const std::vector<std::string>& gpu_uuids);
  worker_ptr spawn_locked(std::unique_lock<std::mutex>& lock,
                          const std::vector<std::string>& gpu_uuids);
  void drop(const worker_ptr& worker) noexcept;
  void give_back(worker_ptr worker);
  void let_end_locked(worker_ptr worker);
  static void end_locked(running_call& running, const std::exception_ptr& why) noexcept;
  void ask_to_stop(running_call& running) noexcept;

  // The keeper.
  void start_keeper_locked();
  void wake_keeper() noexcept;
  void keep() noexcept;
  void wait_for_events();
  void serve_spawns();
  void watch_idle();
  void watch_hosts();
  void watch_memory();
  void reap_ending();
  [[nodiscard]] bool is_over();

  int wake_file_ = -1;  // constant while there is a keeper

  std::mutex mutex_;
  std::condition_variable spawned_;
  // Guarded by mutex_.
  std::vector<worker_ptr> all_;       // but for those that are ending
  std::deque<worker_ptr> idle_;       // used last at the back
  std::vector<process_host*> hosts_;  // that have a worker
  std::vector<ending_worker> ending_;
  std::unordered_map<const detail::task_node*, running_call*> running_;
  std::deque<spawn_request*> spawns_;
  std::size_t idle_max_ = 64;
  std::size_t limited_ = 0;  // running calls with a limit of memory
  bool is_stopping_ = false;
  std::thread keeper_;
};

}  // namespace narke::internal
