// The requests that wait, grouped by shape: equal requests stand in one queue, oldest first, and
// when the first cannot run neither can the others, so a step looks at one of each. Part of the
// placement core; same owner, no locks.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resources/ledger.hpp"
#include "resources/resource_request.hpp"
#include "scheduler/age_queue.hpp"
#include "scheduler/id_table.hpp"
#include "scheduler/stream_shares.hpp"
#include "scheduler/ticket.hpp"

namespace narke::internal {

/// What makes two tickets interchangeable.
struct shape_key {
  resource_request request;
  bool is_handed_over = false;  ///< takes GPU shares over in stream order

  /// What asks for more than GPUs is not handed over: a successor would hold the rest as well.
  static shape_key of(ticket&& t);
  friend bool operator==(const shape_key&, const shape_key&) = default;
};

struct shape_key_hash {
  std::size_t operator()(const shape_key& key) const noexcept {
    return resource_request_hash{}(key.request) * 2 + (key.is_handed_over ? 1 : 0);
  }
};

struct pending_shape {
  const shape_key* key = nullptr;  ///< owned by pending_shapes
  std::size_t count = 0;           ///< tickets that wait
  int passed_by = 0;               ///< later requests that ran before the head did
  share_group shares;

  age_queue waiting;           ///< with the cancelled ones, but its top waits
  std::size_t active_at = 0;   ///< its place among the shapes with tickets
  bool is_idle = false;        ///< neither tickets nor shares
  bool is_infeasible = false;  ///< since the totals shrank

  [[nodiscard]] const resource_request& request() const { return key->request; }
  [[nodiscard]] const age_key& head() const { return waiting.top(); }
};

struct pending_ticket {
  pending_shape* shape = nullptr;
  age_key key;
  bool for_life = false;
  bool in_stream_order = false;
  ticket_id follows = 0;
  input_bytes inputs;
};

/// The heads of all shapes: a heap, oldest in front.
using shape_place = std::pair<age_key, pending_shape*>;
using shape_line = std::vector<shape_place>;

class pending_shapes {
 public:
  pending_shapes() = default;
  pending_shapes(const pending_shapes&) = delete;
  pending_shapes& operator=(const pending_shapes&) = delete;

  /// True when tickets of this shape were taken lately, and would be now.
  [[nodiscard]] bool knows_feasible(const shape_key& key);
  /// Throws std::logic_error when the id is there.
  void add(shape_key key, const ticket& t);
  /// False when it is not there.
  bool remove(ticket_id id);
  [[nodiscard]] const pending_ticket* find(ticket_id id) const { return tickets_.find(id); }

  /// Takes out the oldest ticket of the shape.
  pending_ticket take_head(pending_shape& shape);
  /// After a share of the shape was closed.
  void on_share_closed(pending_shape& shape) { note_if_idle(shape); }
  /// Takes out all tickets that can never be met, oldest first. After the totals have shrunk.
  std::vector<ticket_id> take_infeasible(const ledger& books);

  /// Filled anew.
  void line_up(shape_line& line) const;
  [[nodiscard]] std::vector<ticket_id> ids() const;
  [[nodiscard]] std::size_t size() const { return tickets_.size(); }
  [[nodiscard]] std::size_t shape_count() const { return active_.size(); }

 private:
  static constexpr std::size_t idle_max = 32;  // kept, since most shapes come again

  [[nodiscard]] pending_shape* find_shape(const shape_key& key);
  pending_shape& shape_for(shape_key key);
  void activate(pending_shape& shape);
  void note_taken(pending_shape& shape);
  void note_if_idle(pending_shape& shape);
  [[nodiscard]] bool waits(const pending_shape& shape, const age_key& key) const;

  std::unordered_map<shape_key, pending_shape, shape_key_hash> shapes_;
  pending_shape* last_used_ = nullptr;  // one of shapes_
  std::vector<pending_shape*> active_;  // those with tickets
  std::vector<pending_shape*> idle_;    // the longest idle first
  id_table<pending_ticket> tickets_;
};

}  // namespace narke::internal
