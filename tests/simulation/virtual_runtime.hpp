// The runtime without its threads: the real lanes, queues, actors and store, with virtual threads
// in the place of workers and of the user's. All run on one thread and take turns at points that a
// test chooses, so a seed decides a whole history. What a worker would take off the queues, a
// virtual one takes off by the call that shutdown uses for what is left over; CPUs of the fast lane
// are therefore not counted here (see ../scheduler/simulated_machine.hpp and ../interleaving).
// One of these a process at a time; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <support/fibre.hpp>

#include "resources/resource_totals.hpp"
#include "worker/thread_state.hpp"

namespace narke_test {

class virtual_runtime {
 public:
  /// Started once a process, and shut down at its end.
  static virtual_runtime& instance();

  /// Another machine. Requires: nothing of the last one is left.
  void begin(const narke::internal::resource_totals& totals, std::int64_t store_bytes);
  /// Runs what is queued, on the calling virtual thread. Bodies may let others go on meanwhile.
  void run_queued();
  [[nodiscard]] bool has_queued() const;
  /// Permits that nobody uses.
  [[nodiscard]] int idle_permits() const;

 private:
  virtual_runtime();
  ~virtual_runtime();
};

/// Virtual threads, each with what the runtime keeps of a thread.
class virtual_threads {
 public:
  ~virtual_threads();

  void add(std::function<void()> body);
  [[nodiscard]] std::size_t size() const { return threads_.size(); }
  [[nodiscard]] bool has_ended(std::size_t index) const {
    return threads_[index]->stack.has_ended();
  }
  /// Lets that thread go on to its next point. Requires: it has not ended.
  void resume(std::size_t index);

  /// Of the virtual thread that runs: lets others go on.
  static void yield() { fibre::yield(); }

 private:
  struct thread {
    explicit thread(std::function<void()> body) : stack{std::move(body)} {}
    fibre stack;
    narke::internal::thread_state* state = nullptr;
  };

  std::vector<std::unique_ptr<thread>> threads_;
};

}  // namespace narke_test
