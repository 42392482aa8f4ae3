// Calls at a time: one thread for the whole process, made by the first call and ended by `stop`. It
// sleeps until the earliest time, or for good while there is none. Any thread may call anything
// here, callbacks included, but for what is said.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

namespace narke::internal {

using timer_id = std::uint64_t;

/// Whether shutdown may call it before its time.
enum class timer_kind : std::uint8_t { exact, may_come_early };

class timer_queue {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using callback = void (*)(void* context) noexcept;

  static timer_queue& instance();

  timer_queue() = default;
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;
  ~timer_queue() { stop(); }

  /// Makes the thread, unless it is there. Throws narke::error when none can be made.
  void start();
  /// Has `call(context)` called at `time`, on the timer's thread. Without a thread nothing is
  /// called until there is one. Never 0.
  timer_id schedule(time_point time, callback call, void* context,
                    timer_kind kind = timer_kind::exact);
  /// True: it will not be called. False: it was; the call has returned, unless this is that call.
  bool cancel(timer_id id) noexcept;
  /// Calls all that may come early, on this thread.
  void hurry() noexcept;
  /// Ends the thread, after the call that it is in. What is scheduled stays so.
  void stop() noexcept;

  [[nodiscard]] std::size_t size() const;

 private:
  struct entry {
    callback call;
    void* context;
    timer_kind kind;
  };
  using key = std::pair<time_point, timer_id>;

  void run() noexcept;

  std::mutex life_;  // held while the thread is made or ended
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable changed_;  // an earlier time, or stop
  std::condition_variable called_;   // a call has returned
  std::map<key, entry> entries_;
  std::unordered_map<timer_id, time_point> times_;
  timer_id last_id_ = 0;
  timer_id calling_ = 0;  // 0: none
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace narke::internal
