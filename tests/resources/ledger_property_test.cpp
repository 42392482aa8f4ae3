// Random requests and returns: the books always balance.
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "resources/ledger.hpp"

namespace narke::internal {
namespace {

class random_books {
 public:
  explicit random_books(std::uint64_t seed) : random_{seed}, books_{random_totals()} {}

  void one_event() {
    if (!held_.empty() && below(3) == 0) {
      give_back_one();
      return;
    }
    if (below(40) == 0 && !books_.totals().gpus.empty()) {
      books_.lose_gpu(below(static_cast<int>(books_.totals().gpus.size())));
    }
    const auto request = random_request();
    const bool promised = books_.missing(request).empty();
    const input_bytes inputs{{below(5), below(3)}, {below(5), below(3)}};
    auto granted = books_.try_allocate(request, inputs);
    if (granted && !request.gpus.is_zero()) {
      ASSERT_EQ(books_.infeasible_reason(request), std::nullopt) << request.to_string();
    }
    ASSERT_EQ(granted.has_value(), promised) << request.to_string();
    if (granted) {
      check_grant(request, *granted);
      held_.push_back(std::move(*granted));
    }
  }

  void give_back_one() {
    const auto at = held_.begin() + below(static_cast<int>(held_.size()));
    books_.release(*at);
    held_.erase(at);
  }

  // Free = total − the sum of what was granted, and never below zero; of a lost GPU nothing.
  void check_balance() const {
    resource_amounts expected = full_amounts(books_.totals());
    for (const auto& grant : held_) {
      expected.memory_bytes -= grant.memory_bytes;
      for (const auto& gpu : grant.gpus) {
        if (books_.totals().gpus[static_cast<std::size_t>(gpu.index)].is_lost) continue;
        expected.gpus[static_cast<std::size_t>(gpu.index)].share -= gpu.share;
        expected.gpus[static_cast<std::size_t>(gpu.index)].memory_bytes -= gpu.bytes;
      }
      for (const auto& [name, amount] : grant.custom) {
        expected.custom[name] -= amount;
      }
    }
    ASSERT_EQ(books_.available(), expected);
    ASSERT_GE(expected.memory_bytes, 0);
    for (const auto& gpu : expected.gpus) {
      ASSERT_GE(gpu.share, quantity::zero());
      ASSERT_GE(gpu.memory_bytes, 0);
    }
    for (const auto& [name, amount] : expected.custom) {
      ASSERT_GE(amount, quantity::zero()) << name;
    }
  }

  void give_back_all() {
    while (!held_.empty()) {
      give_back_one();
    }
    ASSERT_EQ(books_.available(), full_amounts(books_.totals()));
  }

 private:
  int below(int bound) { return std::uniform_int_distribution<int>{0, bound - 1}(random_); }

  resource_totals random_totals() {
    resource_totals totals{.memory_bytes = below(1000)};
    const int gpu_count = below(5);
    for (int id = 0; id < gpu_count; ++id) {
      totals.gpus.push_back({.id = id, .memory_bytes = below(100), .numa_node = id % 2});
    }
    totals.numa_nodes = {0, 1};
    totals.custom = {{"a", quantity::from_steps(below(50'000))}, {"b", quantity::from_whole(1)}};
    return totals;
  }

  resource_request random_request() {
    resource_request request{.memory_bytes = below(2) * below(300)};
    const auto gpu_form = below(3);
    if (gpu_form == 1) {
      request.gpus = quantity::from_steps(1 + below(10'000));
    } else if (gpu_form == 2) {
      request.gpus = quantity::from_whole(1 + below(3));
    }
    request.gpu_memory_bytes = gpu_form == 0 ? 0 : below(2) * below(60);
    if (below(3) == 0) request.custom.push_back({"a", quantity::from_steps(1 + below(20'000))});
    if (below(3) == 0) request.custom.push_back({"b", quantity::from_steps(5'000)});
    request.wish = static_cast<placement_wish>(below(4));
    request.wish_index = below(2);
    return request;
  }

  void check_grant(const resource_request& request, const allocation& granted) const {
    quantity sum;
    for (const auto& gpu : granted.gpus) {
      sum += gpu.share;
      ASSERT_EQ(gpu.bytes, request.gpu_memory_bytes);
    }
    ASSERT_EQ(sum, request.gpus);
    ASSERT_EQ(static_cast<std::int64_t>(granted.gpus.size()), request.gpus.ceil_whole());
    ASSERT_EQ(granted.memory_bytes, request.memory_bytes);
    ASSERT_EQ(granted.custom, request.custom);
  }

  std::mt19937_64 random_;
  ledger books_;
  std::vector<allocation> held_;
};

TEST(ledger_property, books_balance_after_every_event_and_close_empty) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    random_books scene{seed};
    for (int event = 0; event < 60; ++event) {
      scene.one_event();
      scene.check_balance();
      if (testing::Test::HasFatalFailure()) return;
    }
    scene.give_back_all();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace narke::internal
