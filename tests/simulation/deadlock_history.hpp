// Tasks that wait for each other's results, for resources that others hold and for turns of actors,
// by a seed, on the runtime without threads; the real detector is asked at every moment at which
// all is at rest, and a model says what is true.
//
// The model lets everything happen that still can: who is busy ends, promises are kept, actors with
// a turn to give let go; what waits for that goes on, and so forth. A wait that even so does not
// end is a deadlock. It knows of each GPU by itself, where the detector knows sums.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <narke/narke.hpp>

#include "simulation/virtual_runtime.hpp"
#include "worker/deadlock.hpp"

namespace narke_test {

class deadlock_history;

class history_actor {
 public:
  history_actor(deadlock_history* history, int which);
  int call(int index);

 private:
  deadlock_history& history_;
};

class deadlock_history {
 public:
  explicit deadlock_history(std::uint64_t seed);

  /// Asserts.
  void run();
  [[nodiscard]] int deadlocks() const { return deadlocks_; }
  [[nodiscard]] int waits_asked() const { return waits_asked_; }

 private:
  friend class history_actor;

  enum class standing : std::uint8_t { not_begun, at_work, waiting, waiting_in_place };
  struct demand {
    double licenses = 0;
    double gpus = 0;
    double memory = 0;
  };
  struct member {
    demand asks;
    int actor = -1;                ///< of a call
    int argument = -1;             ///< another member, submitted before it
    std::vector<int> wants;        ///< members that its body waits for; none: it does not wait
    bool wants_promise = false;
    std::size_t goal = 1;
    bool until_failure = false;
    bool is_busy = false;          ///< its body goes on when its gate opens
    bool is_gate_open = false;
    bool fails = false;
    narke::object_ref<int> ref;
    standing now = standing::not_begun;
    std::vector<int> gpu_ids;      ///< once begun
    bool is_told = false;          ///< by the detector: it can never end
  };
  struct actor_member {
    demand asks;
    int limit = 1;
    bool is_made = false;
    std::vector<int> gpu_ids;
    narke::actor_handle<history_actor> handle;
  };
  struct free_resources {
    double licenses;
    double memory;
    std::vector<double> gpus;
  };

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool one_in(int n) { return below(n) == 0; }
  demand random_demand();
  void plan();
  void submit(int index);

  int body(int index);
  void wait(member& self);
  [[nodiscard]] std::vector<narke::detail::result_slot*> slots_of(const member& self) const;
  [[nodiscard]] bool is_over(const member& self) const;
  [[nodiscard]] bool is_ready(int index) const;

  void run_to_rest();
  bool open_something();
  void ask_detector();
  void compare(bool is_last);
  void give_up();
  [[nodiscard]] std::string describe() const;

  [[nodiscard]] std::vector<bool> may_end() const;
  [[nodiscard]] bool may_end(const member& self, const std::vector<bool>& ended) const;
  [[nodiscard]] bool has_a_turn(int actor, const std::vector<bool>& ended) const;
  [[nodiscard]] bool fits(const demand& asks, const std::vector<bool>& ended) const;

  std::mt19937 random_;
  int licenses_;
  int gpus_;
  std::vector<member> members_;
  std::vector<actor_member> actors_;
  narke::promise<int> promise_;
  narke::object_ref<int> promised_;
  bool is_promise_kept_ = false;
  virtual_threads threads_;
  bool is_submitted_ = false;
  bool is_over_ = false;  // waits are given up
  bool is_done_ = false;  // threads end
  int question_ = 0;
  int moves_ = 0;
  int deadlocks_ = 0;
  int waits_asked_ = 0;
};

}  // namespace narke_test
