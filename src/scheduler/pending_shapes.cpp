#include "scheduler/pending_shapes.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace narke::internal {

void pending_shapes::add(ticket t) {
  if (tickets_.contains(t.id)) {
    throw std::logic_error{fmt::format("ticket {} was submitted twice", t.id)};
  }
  const auto [at, is_first] = shapes_.try_emplace(std::move(t.request));
  pending_shape& shape = at->second;
  shape.request = &at->first;
  const age_key key{t.submitted_ticks, t.id};
  if (!is_first && key < shape.head()) {
    shape.passed_by = 0;
  }
  shape.waiting.insert(shape.waiting.end(), key);
  tickets_.emplace(t.id, pending_ticket{.shape = &shape, .key = key, .for_life = t.for_life});
}

bool pending_shapes::remove(ticket_id id) {
  const auto at = tickets_.find(id);
  if (at == tickets_.end()) {
    return false;
  }
  pending_shape& shape = *at->second.shape;
  if (shape.head() == at->second.key) {
    shape.passed_by = 0;
  }
  shape.waiting.erase(at->second.key);
  tickets_.erase(at);
  drop_if_empty(shape);
  return true;
}

const pending_ticket* pending_shapes::find(ticket_id id) const {
  const auto at = tickets_.find(id);
  return at == tickets_.end() ? nullptr : &at->second;
}

pending_ticket pending_shapes::take_head(pending_shape& shape) {
  const auto at = tickets_.find(shape.head().id);
  const pending_ticket taken = at->second;
  shape.waiting.erase(shape.waiting.begin());
  shape.passed_by = 0;
  tickets_.erase(at);
  return taken;
}

void pending_shapes::drop_if_empty(pending_shape& shape) {
  if (shape.waiting.empty()) {
    shapes_.erase(shapes_.find(*shape.request));
  }
}

shape_line pending_shapes::line() {
  std::vector<shape_place> places;
  places.reserve(shapes_.size());
  for (auto& entry : shapes_) {
    places.emplace_back(entry.second.head(), &entry.second);
  }
  return shape_line{std::greater<>{}, std::move(places)};
}

std::vector<ticket_id> pending_shapes::ids() const {
  std::vector<age_key> keys;
  keys.reserve(tickets_.size());
  for (const auto& entry : tickets_) {
    keys.push_back(entry.second.key);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<ticket_id> result;
  result.reserve(keys.size());
  for (const auto& key : keys) {
    result.push_back(key.id);
  }
  return result;
}

}  // namespace narke::internal
