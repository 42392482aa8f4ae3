#include "scheduler/stream_shares.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "scheduler/pending_shapes.hpp"

namespace narke::internal {

stream_share& stream_shares::open(pending_shape* shape, allocation held, ticket_id first) {
  const share_id id = ++last_id_;
  if (shape != nullptr) {
    ++shape->shares.open;
    ++shape->shares.usable;
  }
  return shares_.add(
      id, {.id = id, .shape = shape, .held = std::move(held), .members = 1, .newest = first});
}

void stream_shares::join(stream_share& share, ticket_id newest) {
  ++share.members;
  share.newest = newest;
  share.newest_is_ordered = false;
  update(share);
}

void stream_shares::ordered(stream_share& share, ticket_id member) {
  if (member == share.newest) {
    share.newest_is_ordered = true;
    update(share);
  }
}

void stream_shares::leave(stream_share& share, ticket_id member) {
  --share.members;
  if (member == share.newest) {
    share.newest = 0;
    share.newest_is_ordered = true;  // all that is left was ordered before it joined
  }
  update(share);
}

allocation stream_shares::close(stream_share& share) {
  if (share.shape != nullptr) {
    --share.shape->shares.open;
    share.shape->shares.usable -= share.is_lost ? 0 : 1;
  }
  return shares_.take(share.id).held;
}

void stream_shares::lose_gpu(int index) {
  shares_.for_each([index](share_id, stream_share& share) {
    const auto& gpus = share.held.gpus;
    const bool is_there = std::any_of(gpus.begin(), gpus.end(),
                                      [index](const auto& gpu) { return gpu.index == index; });
    if (is_there && !share.is_lost) {
      share.is_lost = true;
      if (share.shape != nullptr) {
        --share.shape->shares.usable;
      }
      update(share);
    }
  });
}

const stream_share* stream_shares::oldest_of(const pending_shape& shape) const {
  const stream_share* oldest = nullptr;
  shares_.for_each([&](share_id id, const stream_share& share) {
    if (share.shape == &shape && !share.is_lost && (oldest == nullptr || id < oldest->id)) {
      oldest = &share;
    }
  });
  return oldest;
}

int stream_shares::fewest_members_of_unpassable(const pending_shape& shape) const {
  constexpr int none = std::numeric_limits<int>::max() / 2;
  const auto passable = static_cast<int>(shape.shares.passable.size());
  if (passable == shape.shares.usable) {
    return none;
  }
  int fewest = none;
  shares_.for_each([&](share_id, const stream_share& share) {
    if (share.shape == &shape && !share.is_lost && !share.is_passable()) {
      fewest = std::min(fewest, share.members);
    }
  });
  return fewest;
}

// Into or out of the shape's passable ones.
void stream_shares::update(stream_share& share) {
  const bool is_passable =
      share.shape != nullptr && share.members > 0 && share.newest_is_ordered && !share.is_lost;
  if (is_passable == share.is_passable()) {
    return;
  }
  auto& passable = share.shape->shares.passable;
  if (is_passable) {
    share.passable_at = passable.size();
    passable.push_back(&share);
  } else {
    passable[share.passable_at] = passable.back();
    passable[share.passable_at]->passable_at = share.passable_at;
    passable.pop_back();
    share.passable_at = stream_share::not_passable;
  }
}

}  // namespace narke::internal
