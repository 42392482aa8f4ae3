// Tickets of one shape by age. They mostly come oldest first and then stand in a plain row; those
// that come out of order go into a heap beside it. Part of the placement core; same owner, no
// locks.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "scheduler/ticket.hpp"

namespace narke::internal {

/// A ticket's place in the order of ages.
struct age_key {
  std::uint64_t ticks = 0;
  ticket_id id = 0;

  friend auto operator<=>(const age_key&, const age_key&) = default;
};

class age_queue {
 public:
  void push(const age_key& key) {
    if (row_.empty() || !(key < row_.back())) {
      row_.push_back(key);
    } else {
      late_.push_back(key);
      std::push_heap(late_.begin(), late_.end(), std::greater<>{});
    }
  }

  /// Requires: not empty.
  [[nodiscard]] const age_key& top() const {
    return late_is_first() ? late_.front() : row_[first_];
  }

  /// Requires: not empty.
  void pop() {
    if (late_is_first()) {
      std::pop_heap(late_.begin(), late_.end(), std::greater<>{});
      late_.pop_back();
    } else if (++first_ == row_.size()) {
      clear_row();
    } else if (first_ >= gap_min && first_ * 2 >= row_.size()) {
      row_.erase(row_.begin(), row_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }

  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const { return row_.size() - first_ + late_.size(); }

  void clear() {
    late_.clear();
    clear_row();
  }

  template <typename Keep>
  void keep_if(Keep keep) {
    const auto is_to_go = [&keep](const age_key& key) { return !keep(key); };
    row_.erase(row_.begin(), row_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
    std::erase_if(row_, is_to_go);
    std::erase_if(late_, is_to_go);
    std::make_heap(late_.begin(), late_.end(), std::greater<>{});
  }

 private:
  static constexpr std::size_t gap_min = 64;
  static constexpr std::size_t kept_keys = 4096;  // an empty row gives more than this back

  [[nodiscard]] bool late_is_first() const {
    return !late_.empty() && (first_ == row_.size() || late_.front() < row_[first_]);
  }
  void clear_row() {
    if (row_.size() > kept_keys) {
      row_ = {};
    }
    row_.clear();
    first_ = 0;
  }

  std::vector<age_key> row_;   // ascending, from first_ on
  std::size_t first_ = 0;
  std::vector<age_key> late_;  // a heap, the oldest in front
};

}  // namespace narke::internal
