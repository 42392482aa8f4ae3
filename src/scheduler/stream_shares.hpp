// GPU shares that are handed over in stream order. The body of a GPU task only enqueues work: once
// it was called the task is *ordered* though not complete, and the next task of the same shape may
// be enqueued behind it, on the same stream, without a wait on the host. Part of the placement
// core; same owner, no locks.
//
// A share is an allocation with its members, the tickets that run on it:
//   1. open: the first member gets a fresh allocation.
//   2. The newest member is ordered → the share is passable. (The runtime is late to say so when
//      the stream is full; that bounds the members.)
//   3. join: a ticket of the same shape becomes the newest member; no longer passable.
//   4. leave: a member finished. The newest may do so without having been ordered, when its body
//      threw: those before it were ordered, so the share is passable again.
//   5. The last member left: the allocation goes back.
// A share on a GPU that was lost is never passable again.
#pragma once

#include <cstddef>
#include <vector>

#include "resources/allocation.hpp"
#include "scheduler/id_table.hpp"
#include "scheduler/ticket.hpp"

namespace narke::internal {

struct pending_shape;
struct stream_share;

/// The shares of one shape.
struct share_group {
  std::vector<stream_share*> passable;
  int open = 0;    ///< all of them
  int usable = 0;  ///< those that no lost GPU is part of: they are or will be passable, or free
};

struct stream_share {
  share_id id = 0;
  pending_shape* shape = nullptr;  ///< null: it is not handed over
  allocation held;
  int members = 0;
  ticket_id newest = 0;            ///< 0: it has left
  bool newest_is_ordered = false;
  bool is_lost = false;
  std::size_t passable_at = not_passable;  ///< its place in share_group::passable

  static constexpr std::size_t not_passable = SIZE_MAX;
  [[nodiscard]] bool is_passable() const { return passable_at != not_passable; }
};

class stream_shares {
 public:
  /// `shape`: null when the share is to be handed to nobody. The address holds until it is closed.
  stream_share& open(pending_shape* shape, allocation held, ticket_id first);
  /// Requires: it is passable.
  void join(stream_share& share, ticket_id newest);
  /// Requires: a member.
  void ordered(stream_share& share, ticket_id member);
  /// Requires: a member.
  void leave(stream_share& share, ticket_id member);
  /// Requires: no members. Returns what it held.
  allocation close(stream_share& share);
  void lose_gpu(int index);

  /// The usable share of the shape with the lowest id; null when there is none.
  [[nodiscard]] const stream_share* oldest_of(const pending_shape& shape) const;
  /// Among the usable shares of the shape that are not passable; very many when there is none.
  [[nodiscard]] int fewest_members_of_unpassable(const pending_shape& shape) const;
  [[nodiscard]] std::size_t size() const { return shares_.size(); }

 private:
  static void update(stream_share& share);

  id_table<stream_share> shares_;
  share_id last_id_ = 0;
};

}  // namespace narke::internal
