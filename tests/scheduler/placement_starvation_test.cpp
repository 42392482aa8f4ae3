// Chains that never end, and beside them requests that need the GPUs for real: each gets its turn
// after a bounded number of later ones. By seed; NARKE_SIMULATION_SEED=<seed> runs one alone.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

constexpr int limit = 4;

// Every ordered member of a chain has a successor at once, so shares never run empty by themselves.
class endless_chains {
 public:
  explicit endless_chains(std::uint64_t seed)
      : random_{seed}, gpu_count_{1 + below(3)}, core_{random_totals(), limit} {
    const int chain_count = 1 + below(3 * gpu_count_);
    for (int i = 0; i < chain_count; ++i) {
      submit_link();
    }
    if (one_in(3)) {
      submit_actor(quantity::from_steps(2'500 * (1 + below(2))));
    }
    settle();
  }

  void one_event() {
    switch (below(8)) {
      case 0:
        if (victims_.size() < 3) submit_victim();
        break;
      case 1:
        finish_ordinary();
        break;
      case 2: case 3: case 4:
        finish_oldest_member();
        break;
      default:
        order_one();
    }
    settle();
  }

  [[nodiscard]] int victims_served() const { return victims_served_; }

 private:
  struct victim {
    ticket_id id = 0;
    resource_request request;
    int passed_by = 0;  // while it was the oldest, and fits beside the actor
  };

  int below(int bound) {
    return static_cast<int>(random_() % static_cast<std::uint64_t>(bound));
  }
  bool one_in(int n) { return below(n) == 0; }

  resource_totals random_totals() {
    resource_totals totals{.cpus = 4};
    for (int id = 0; id < gpu_count_; ++id) {
      totals.gpus.push_back({.id = id, .memory_bytes = 100});
    }
    return totals;
  }

  void submit(resource_request request, bool for_life, bool in_stream_order) {
    ++last_id_;
    core_.on_submitted({.id = last_id_,
                        .request = std::move(request),
                        .submitted_ticks = last_id_,
                        .for_life = for_life,
                        .in_stream_order = in_stream_order,
                        .inputs = {{below(3), below(2)}},
                        .follows = newest_ordered_});
  }

  void submit_link() {
    constexpr int quarters[] = {1, 2, 4};
    submit({.gpus = quantity::from_steps(2'500 * quarters[below(3)])}, false, true);
  }

  void submit_actor(quantity share) {
    submit({.gpus = share}, true, false);
    actor_ = last_id_;
    actor_share_ = share;
  }

  // A CPU task with GPUs, or a GPU task of a shape that no chain has.
  void submit_victim() {
    constexpr int quarters[] = {1, 2, 3, 4, 8};
    resource_request request{.gpus = quantity::from_steps(2'500 * quarters[below(5)])};
    const bool in_stream_order = one_in(3);
    if (in_stream_order) {
      request.gpu_memory_bytes = 1 + static_cast<std::int64_t>(last_id_ % 50);
    } else if (one_in(2)) {
      request.cpus = quantity::from_whole(1 + below(2));
    }
    if (request.gpus.ceil_whole() > gpu_count_ || !fits_beside_actor(request)) {
      return;
    }
    submit(request, false, in_stream_order);
    victims_.push_back({.id = last_id_, .request = request});
  }

  // The actor takes part of one GPU.
  [[nodiscard]] bool fits_beside_actor(const resource_request& request) const {
    if (actor_ == 0) {
      return true;
    }
    return request.gpus < quantity::one()
               ? gpu_count_ > 1 || request.gpus <= quantity::one() - actor_share_
               : request.gpus.whole() <= gpu_count_ - 1;
  }

  void order_one() {
    if (unordered_.empty()) {
      return;
    }
    const auto at = unordered_.begin() + below(static_cast<int>(unordered_.size()));
    newest_ordered_ = *at;
    core_.on_ordered(*at);
    unordered_.erase(at);
    submit_link();
  }

  // In the order of its share: the oldest of some share that was ordered.
  void finish_oldest_member() {
    std::vector<share_id> ready;
    for (const auto& [id, members] : shares_) {
      if (!is_unordered(members.front())) ready.push_back(id);
    }
    if (ready.empty()) {
      return;
    }
    const share_id id = ready[static_cast<std::size_t>(below(static_cast<int>(ready.size())))];
    core_.on_finished(shares_[id].front());
    shares_[id].pop_front();
    if (shares_[id].empty()) {
      shares_.erase(id);
    }
  }

  [[nodiscard]] bool is_unordered(ticket_id id) const {
    return std::find(unordered_.begin(), unordered_.end(), id) != unordered_.end();
  }

  void finish_ordinary() {
    if (!ordinary_.empty()) {
      const auto at = ordinary_.begin() + below(static_cast<int>(ordinary_.size()));
      core_.on_finished(*at);
      ordinary_.erase(at);
    }
  }

  void settle() {
    do {
      const auto& result = core_.step(no_ticks);
      permits_out_ -= result.permits_to_return;
      for (const auto& assigned : result.assignments) {
        take(assigned);
      }
      const int granted = std::min(core_.permits_wanted(), 4 - permits_out_);
      if (granted == 0) {
        break;
      }
      core_.on_permits_granted(granted);
      permits_out_ += granted;
    } while (true);
  }

  void take(const assignment& assigned) {
    if (assigned.share != 0) {
      shares_[assigned.share].push_back(assigned.id);
      unordered_.push_back(assigned.id);
    } else if (assigned.id != actor_) {
      ordinary_.push_back(assigned.id);
    }
    const auto at = std::find_if(victims_.begin(), victims_.end(),
                                 [&](const auto& each) { return each.id == assigned.id; });
    if (at != victims_.end()) {
      victims_.erase(at);
      ++victims_served_;
    } else if (!victims_.empty() && assigned.id > victims_.front().id) {
      // One step may hand over each share of each GPU before the count is looked at.
      ASSERT_LT(++victims_.front().passed_by, limit + 4 * gpu_count_)
          << "ticket " << victims_.front().id << " asks "
          << victims_.front().request.to_string() << " and starves";
    }
  }

  std::mt19937_64 random_;
  const int gpu_count_;
  placement_core core_;
  ticket_id last_id_ = 0;
  ticket_id newest_ordered_ = 0;
  ticket_id actor_ = 0;
  quantity actor_share_;
  std::map<share_id, std::deque<ticket_id>> shares_;
  std::vector<ticket_id> unordered_;
  std::vector<ticket_id> ordinary_;
  std::deque<victim> victims_;  // oldest first
  int victims_served_ = 0;
  int permits_out_ = 0;
};

TEST(placement_starvation, chains_without_end_keep_nobody_waiting) {
  const char* only = std::getenv("NARKE_SIMULATION_SEED");
  const std::uint64_t first = only == nullptr ? 0 : std::stoull(only);
  const std::uint64_t count = only == nullptr ? 300 : 1;
  int served = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(seed);
    endless_chains machine{seed};
    for (int event = 0; event < 400 && !testing::Test::HasFatalFailure(); ++event) {
      machine.one_event();
    }
    if (testing::Test::HasFatalFailure()) return;
    served += machine.victims_served();
  }
  EXPECT_GT(served, static_cast<int>(count));
}

}  // namespace
}  // namespace narke_test
