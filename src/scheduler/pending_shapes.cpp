#include "scheduler/pending_shapes.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

namespace narke::internal {

shape_key shape_key::of(ticket&& t) {
  const auto& request = t.request;
  const bool is_handed_over = t.in_stream_order && !t.for_life && !request.gpus.is_zero() &&
                              request.cpus.is_zero() && request.memory_bytes == 0 &&
                              request.custom.empty();
  return {std::move(t.request), is_handed_over};
}

pending_shape* pending_shapes::find_shape(const shape_key& key) {
  if (last_used_ == nullptr || !(*last_used_->key == key)) {
    const auto at = shapes_.find(key);
    last_used_ = at == shapes_.end() ? nullptr : &at->second;
  }
  return last_used_;
}

bool pending_shapes::knows_feasible(const shape_key& key) {
  const auto* shape = find_shape(key);
  return shape != nullptr && !shape->is_infeasible;
}

pending_shape& pending_shapes::shape_for(shape_key key) {
  if (auto* known = find_shape(key)) {
    return *known;
  }
  const auto at = shapes_.try_emplace(std::move(key)).first;
  at->second.key = &at->first;
  last_used_ = &at->second;
  return at->second;
}

void pending_shapes::add(shape_key key, const ticket& t) {
  if (tickets_.find(t.id) != nullptr) {
    throw std::logic_error{fmt::format("ticket {} was submitted twice", t.id)};
  }
  pending_shape& shape = shape_for(std::move(key));
  const age_key age{t.submitted_ticks, t.id};
  if (shape.count++ == 0) {
    activate(shape);
  } else if (age < shape.head()) {
    shape.passed_by = 0;
  }
  shape.waiting.push(age);
  tickets_.add(t.id, {.shape = &shape,
                      .key = age,
                      .for_life = t.for_life,
                      .in_stream_order = t.in_stream_order,
                      .follows = t.follows,
                      .inputs = t.inputs});
}

void pending_shapes::activate(pending_shape& shape) {
  shape.active_at = active_.size();
  active_.push_back(&shape);
  if (shape.is_idle) {
    idle_.erase(std::find(idle_.begin(), idle_.end(), &shape));
    shape.is_idle = false;
  }
}

bool pending_shapes::remove(ticket_id id) {
  const auto* entry = tickets_.find(id);
  if (entry == nullptr) {
    return false;
  }
  pending_shape& shape = *entry->shape;
  const bool was_head = shape.head() == entry->key;
  tickets_.take(id);
  if (was_head) {
    shape.passed_by = 0;
    shape.waiting.pop();
  }
  note_taken(shape);
  return true;
}

pending_ticket pending_shapes::take_head(pending_shape& shape) {
  const pending_ticket taken = tickets_.take(shape.head().id);
  shape.waiting.pop();
  shape.passed_by = 0;
  note_taken(shape);
  return taken;
}

// One of its tickets went, and from the queue too if it was the head. The top of the queue is a
// ticket that waits again; a queue that is mostly cancelled ones is tidied.
void pending_shapes::note_taken(pending_shape& shape) {
  if (--shape.count == 0) {
    shape.waiting.clear();
    active_[shape.active_at] = active_.back();
    active_[shape.active_at]->active_at = shape.active_at;
    active_.pop_back();
    note_if_idle(shape);
    return;
  }
  const auto does_wait = [&](const age_key& key) { return waits(shape, key); };
  if (shape.waiting.size() > 2 * shape.count + 16) {
    shape.waiting.keep_if(does_wait);
  }
  while (shape.waiting.size() > shape.count && !does_wait(shape.head())) {
    shape.waiting.pop();
  }
}

// The same id and age may have been cancelled and submitted again: it is then in the queue twice,
// and the second one counts as cancelled once the first was taken.
bool pending_shapes::waits(const pending_shape& shape, const age_key& key) const {
  const auto* entry = tickets_.find(key.id);
  return entry != nullptr && entry->shape == &shape && entry->key == key;
}

void pending_shapes::note_if_idle(pending_shape& shape) {
  if (shape.count > 0 || shape.shares.open > 0 || shape.is_idle) {
    return;
  }
  shape.is_idle = true;
  idle_.push_back(&shape);
  if (idle_.size() > idle_max) {
    pending_shape* longest = idle_.front();
    idle_.erase(idle_.begin());
    last_used_ = last_used_ == longest ? nullptr : last_used_;
    shapes_.erase(shapes_.find(*longest->key));
  }
}

std::vector<ticket_id> pending_shapes::take_infeasible(const ledger& books) {
  std::vector<age_key> keys;
  for (auto& [key, shape] : shapes_) {
    shape.is_infeasible = books.infeasible_reason(key.request).has_value();
  }
  tickets_.for_each([&keys](ticket_id, const pending_ticket& entry) {
    if (entry.shape->is_infeasible) keys.push_back(entry.key);
  });
  std::sort(keys.begin(), keys.end());
  std::vector<ticket_id> taken;
  taken.reserve(keys.size());
  for (const auto& key : keys) {
    remove(key.id);
    taken.push_back(key.id);
  }
  return taken;
}

void pending_shapes::line_up(shape_line& line) const {
  line.clear();
  for (auto* shape : active_) {
    line.emplace_back(shape->head(), shape);
  }
  std::make_heap(line.begin(), line.end(), std::greater<>{});
}

std::vector<ticket_id> pending_shapes::ids() const {
  std::vector<age_key> keys;
  keys.reserve(tickets_.size());
  tickets_.for_each([&keys](ticket_id, const auto& entry) { keys.push_back(entry.key); });
  std::sort(keys.begin(), keys.end());
  std::vector<ticket_id> result;
  result.reserve(keys.size());
  for (const auto& key : keys) {
    result.push_back(key.id);
  }
  return result;
}

}  // namespace narke::internal
