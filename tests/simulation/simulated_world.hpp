// A program of the user's and what goes wrong with it, driven by a seed: tasks and actor calls with
// all kinds of requests, that submit and wait for others; placement groups; values put into a store
// with a limit; failures, cancels, kills, lost actors, lost GPUs, handles let go. It runs on the
// runtime without threads (virtual_runtime.hpp). What must hold is checked after each step, and of
// every result when all is over. Left out, since they have threads of their own: retries and
// timeouts (the timer), bodies of GPU tasks (the engine), isolated tasks.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <narke/narke.hpp>

#include "simulation/virtual_runtime.hpp"

namespace narke_test {

struct simulated_failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What tasks give and take: a number, and ballast for the store.
using values = std::vector<std::int64_t>;

class simulated_world;

/// One task, actor call or put value.
struct simulated_job {
  int id = 0;
  narke::object_ref<values> ref;
  simulated_job* parent = nullptr;
  std::vector<simulated_job*> arguments;
  int depth = 0;
  int bodies = 0;
  int actor = -1;                ///< of a call
  std::int64_t submitter = 0;    ///< who submitted it, for the order of calls
  int number = 0;                ///< among the calls of its submitter to its actor
  narke::task_options asked;     ///< of a task
  bool is_put = false;
  bool is_to_fail = false;
  bool is_cancelled = false;     ///< somebody asked for it
  bool ends_actor = false;
  bool loses_actor = false;
  std::size_t ballast = 0;
};

struct simulated_actor {
  narke::actor_options asked;
  simulated_job* maker = nullptr;  ///< null: a thread of the user's
  int states = 0;    ///< constructed and not destroyed
  int inside = 0;    ///< calls that run
  bool is_hurt = false;  ///< killed, ended or lost
  std::map<std::int64_t, int> next_number;  ///< by submitter, for those that submit
  std::map<std::int64_t, int> last_begun;   ///< the same, of calls that began
};

/// The class of all simulated actors.
class simulated_state {
 public:
  simulated_state(simulated_world* world, int actor);
  simulated_state(const simulated_state&) = delete;
  simulated_state& operator=(const simulated_state&) = delete;
  ~simulated_state();

  values call(simulated_job* job);
  values call_with(simulated_job* job, const values& argument);

 private:
  values run(simulated_job& job, std::int64_t sum);

  simulated_world& world_;
  simulated_actor& actor_;
};

class simulated_world {
 public:
  explicit simulated_world(std::uint64_t seed);

  /// One history, from the first submission to the last result.
  void run();

  /// The same of two runs of one seed.
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
  [[nodiscard]] int count_of(const std::string& what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }
  [[nodiscard]] const std::map<std::string, int>& counts() const { return counts_; }

 private:
  friend class simulated_state;

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool one_in(int n) { return below(n) == 0; }
  void note(int what) {
    fingerprint_ = (fingerprint_ ^ static_cast<unsigned>(what)) * 1099511628211U;
  }
  void count(const char* what) { ++counts_[what]; }

  // The machine and what is asked of it.
  narke::internal::resource_totals random_totals();
  narke::task_options random_task_options();
  narke::actor_options random_actor_options();
  std::vector<narke::bundle> random_bundles();

  // What threads do. `by`: the body that does it; null: a thread of the user's.
  void act_as_user(int user);
  void act(simulated_job* by, std::int64_t submitter);
  simulated_job& new_job(simulated_job* by, std::int64_t submitter);
  simulated_job* submit_task(simulated_job* by, std::int64_t submitter);
  simulated_job* submit_call(simulated_job* by, std::int64_t submitter);
  void put_value();
  void make_actor(simulated_job* by);
  void make_group();
  void cancel_some();
  void hurt_an_actor();
  void let_go_of_something();
  void lose_a_gpu();
  void run_in_place();
  void work();

  // Bodies.
  values run_body(simulated_job& job, std::int64_t sum);
  values task_body(simulated_job& job, std::int64_t sum);
  void wait_for(const simulated_job& job);
  void hold(const simulated_job& job, int sign);
  [[nodiscard]] std::int64_t value_of(const simulated_job& job) const;

  // The history.
  void step();
  void let_go_of_all();
  void run_until_all_is_resolved();
  [[nodiscard]] bool is_resolved() const;
  void end();

  // Checks.
  void check_step() const;
  void check_results();
  void check_result(simulated_job& job);
  [[nodiscard]] bool has_reason_to_fail(const simulated_job& job) const;
  [[nodiscard]] bool is_or_is_below_stopped(const simulated_job* job) const;
  void check_all_is_free() const;

  std::mt19937_64 random_;
  narke::internal::resource_totals totals_;
  std::int64_t store_bytes_;
  std::deque<simulated_job> jobs_;  // stay where they are
  std::deque<simulated_actor> actors_;
  std::vector<narke::actor_handle<simulated_state>> handles_;  // of each, some empty
  std::vector<narke::placement_group> groups_;
  virtual_threads threads_;
  int users_ = 0;
  int users_at_work_ = 0;
  int free_workers_ = 0;  // those that do not wait inside of a body
  bool is_over_ = false;
  bool has_lost_a_gpu_ = false;
  int moves_ = 0;  // of whatever kind
  // By bodies that run now.
  double held_memory_ = 0;
  double held_gpus_ = 0;
  double held_licenses_ = 0;
  std::uint64_t fingerprint_ = 14695981039346656037U;
  std::map<std::string, int> counts_;
};

}  // namespace narke_test
