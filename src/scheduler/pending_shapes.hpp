// The requests that wait, grouped by shape: equal requests stand in one queue, oldest first, and
// when the first cannot run neither can the others, so a step looks at one of each. Part of the
// placement core; same owner, no locks.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resources/resource_request.hpp"
#include "scheduler/ticket.hpp"

namespace narke::internal {

/// A ticket's place in the order of ages.
struct age_key {
  std::uint64_t ticks = 0;
  ticket_id id = 0;

  friend auto operator<=>(const age_key&, const age_key&) = default;
};

struct pending_shape {
  const resource_request* request = nullptr;  ///< owned by pending_shapes
  std::set<age_key> waiting;                  ///< never empty between calls of the core
  int passed_by = 0;                          ///< later requests that ran before the head did

  [[nodiscard]] const age_key& head() const { return *waiting.begin(); }
};

struct pending_ticket {
  pending_shape* shape = nullptr;
  age_key key;
  bool for_life = false;
};

/// The heads of all shapes, oldest first, for one step.
using shape_place = std::pair<age_key, pending_shape*>;
using shape_line = std::priority_queue<shape_place, std::vector<shape_place>, std::greater<>>;

class pending_shapes {
 public:
  pending_shapes() = default;
  pending_shapes(const pending_shapes&) = delete;
  pending_shapes& operator=(const pending_shapes&) = delete;

  /// Throws std::logic_error when the id is there.
  void add(ticket t);
  /// False when it is not there. A shape without tickets goes.
  bool remove(ticket_id id);
  [[nodiscard]] const pending_ticket* find(ticket_id id) const;

  /// Takes out the oldest ticket of the shape, but keeps the shape, also an empty one, until
  /// drop_if_empty.
  pending_ticket take_head(pending_shape& shape);
  void drop_if_empty(pending_shape& shape);

  [[nodiscard]] shape_line line();
  [[nodiscard]] std::vector<ticket_id> ids() const;
  [[nodiscard]] std::size_t size() const { return tickets_.size(); }
  [[nodiscard]] std::size_t shape_count() const { return shapes_.size(); }

 private:
  std::unordered_map<resource_request, pending_shape, resource_request_hash> shapes_;
  std::unordered_map<ticket_id, pending_ticket> tickets_;
};

}  // namespace narke::internal
