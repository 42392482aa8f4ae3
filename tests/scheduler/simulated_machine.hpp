// A machine with both lanes, driven by a seed: what the runtime does with the placement core,
// without threads and time. After each event it lets both lanes go as far as they can, and checks
// what must always hold. GPU tasks are ordered some time after they started and finish in the order
// of their share; GPUs are lost now and then.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "scheduler/placement_core.hpp"

namespace narke_test {

using namespace narke::internal;

class simulated_machine {
 public:
  explicit simulated_machine(std::uint64_t seed);

  /// One random event, and what follows from it.
  void one_event();
  /// Nothing more is submitted. What runs finishes, waits end when what they wait for is done;
  /// actors are killed, and waits broken off, only when nothing else is left. All that was
  /// submitted has to run.
  void drain();

  [[nodiscard]] int started() const { return started_; }
  /// Of these, by taking a share over.
  [[nodiscard]] int handed_over() const { return handed_over_; }
  [[nodiscard]] int told_infeasible() const { return told_infeasible_; }

 private:
  struct running_task {
    resource_request request;
    allocation held;
    bool for_life = false;
    bool blocked = false;
    ticket_id waits_for = 0;  // 0: for something outside
    share_id share = 0;       // 0: not in stream order
    bool ordered = false;
  };
  struct running_share {
    resource_request request;
    allocation held;
    std::vector<ticket_id> members;  // oldest first
    bool is_handed_over = false;     // to others of the same request, once ordered
  };

  int below(int bound);
  bool one_in(int n) { return below(n) == 0; }
  quantity random_cpus();
  resource_totals random_totals();
  resource_request random_request();
  resource_request random_gpu_request();
  ticket random_ticket();
  template <typename Accept>
  std::vector<ticket_id> running_where(Accept accept) const {
    std::vector<ticket_id> ids;
    for (const auto& [id, task] : running_) {
      if (accept(task)) {
        ids.push_back(id);
      }
    }
    return ids;
  }
  ticket_id pick(const std::vector<ticket_id>& ids) {
    return ids[static_cast<std::size_t>(below(static_cast<int>(ids.size())))];
  }

  ticket_id submit();
  void submit_fast();
  void leave_share(ticket_id id);
  void finish(ticket_id id);
  [[nodiscard]] bool may_finish(ticket_id id, const running_task& task) const;
  bool order_one();
  void lose_a_gpu();
  bool finish_one();
  void finish_fast();
  void block_one();
  bool unblock_one();
  void cancel_one();
  void kill_an_actor();
  bool drain_one();

  void settle();
  bool settle_once();
  void start_fast();
  [[nodiscard]] std::uint64_t fast_head() const;
  void take(const step_result& result);
  void take_share(const assignment& assigned, const ticket& t);

  [[nodiscard]] bool is_lost(int gpu_index) const;
  [[nodiscard]] bool is_lost(const running_share& share) const;
  [[nodiscard]] bool is_passable(const running_share& share) const;
  [[nodiscard]] bool may_take_over(const ticket& t) const;
  [[nodiscard]] bool can_ever_fit(const resource_request& request) const;
  void check() const;
  void check_permits() const;
  void check_books() const;
  void check_oldest_does_not_fit() const;
  void check_no_deadlock() const;
  void check_shares() const;
  [[nodiscard]] bool fits(const resource_request& request) const;
  [[nodiscard]] bool is_done(ticket_id id) const;

  std::mt19937_64 random_;
  const bool is_mostly_gpu_;
  const int num_cpus_;
  placement_core core_;
  std::uint64_t now_ = 0;
  std::map<ticket_id, ticket> pending_;
  std::map<ticket_id, running_task> running_;
  std::map<share_id, running_share> shares_;
  share_id last_share_ = 0;
  std::deque<std::uint64_t> fast_queue_;
  int fast_running_ = 0;
  int idle_permits_;
  int started_ = 0;
  int handed_over_ = 0;
  int told_infeasible_ = 0;
};

}  // namespace narke_test
