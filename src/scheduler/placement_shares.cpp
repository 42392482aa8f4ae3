// placement_core's part about GPU shares that are handed over in stream order: which share a ticket
// gets, and what becomes of it.
#include <algorithm>
#include <tuple>
#include <utility>

#include "scheduler/placement_core.hpp"

namespace narke::internal {
namespace {

// Of very many small shares only so many are compared.
constexpr std::size_t shares_compared_max = 64;

std::int64_t bytes_on(const std::vector<gpu_share>& gpus, const input_bytes& inputs) {
  std::int64_t sum = 0;
  for (const auto& gpu : gpus) {
    sum += inputs.on(gpu.index);
  }
  return sum;
}

}  // namespace

void placement_core::on_ordered(ticket_id id) {
  shares_.ordered(*running_.order(id).share, id);
}

void placement_core::leave_share(stream_share& share, ticket_id id) {
  shares_.leave(share, id);
  if (share.members > 0) {
    return;
  }
  pending_shape* shape = share.shape;
  ledger_.release(shares_.close(share));
  if (shape != nullptr) {
    pending_.on_share_closed(*shape);
  }
}

// True: the head was assigned and taken out. Such a request needs nothing but GPUs.
bool placement_core::consider_handing_over(pending_shape& shape) {
  const bool is_kept = std::any_of(reservations_.begin(), reservations_.end(),
                                   [](const auto& earlier) { return earlier.kinds.gpus; });
  if (!is_kept) {
    const share_choice choice = choose_share(shape);
    if (choice.is_possible) {
      assign_share(shape, choice);
      return true;
    }
  }
  // While there is a share of its own shape, that one will be passed on to it or make room for it.
  if (shape.passed_by >= ageing_limit_ && shape.shares.usable == 0) {
    reserve(shape, {.gpus = true}, false);
  }
  return false;
}

placement_core::share_choice placement_core::choose_share(const pending_shape& shape) {
  static constexpr input_bytes none;
  const resource_request& request = shape.request();
  const pending_ticket& head = *pending_.find(shape.head().id);
  const auto& inputs = request.wish == placement_wish::spread ? none : head.inputs;

  const auto order = [](const share_choice& c) {
    return std::tuple{!c.is_followed, c.share == nullptr ? 0 : c.share->members,
                      c.share == nullptr ? 0 : c.share->id};
  };
  share_choice plain;
  share_choice near;
  int shortest = 0;
  const auto compare = [&](const share_choice& c) {
    shortest = plain.is_possible ? std::min(shortest, c.queue) : c.queue;
    const bool is_better = !plain.is_possible || order(c) < order(plain);
    plain = is_better ? c : plain;
    const bool is_nearer =
        !near.is_possible || c.input_bytes > near.input_bytes ||
        (c.input_bytes == near.input_bytes && order(c) < order(near));
    near = is_nearer ? c : near;
  };

  if (ledger_.choose_gpus(request, inputs, fresh_gpus_)) {
    share_choice fresh{.is_possible = true};
    for (const int index : fresh_gpus_) {
      fresh.input_bytes += inputs.on(index);
    }
    compare(fresh);
  }
  const auto count = std::min(shape.shares.passable.size(), shares_compared_max);
  for (std::size_t i = 0; i < count; ++i) {
    stream_share* share = shape.shares.passable[i];
    const bool is_followed = head.follows != 0 && share->newest == head.follows;
    compare({.is_possible = true,
             .share = share,
             .input_bytes = bytes_on(share->held.gpus, inputs),
             .queue = is_followed ? 0 : share->members,
             .is_followed = is_followed});
  }
  const bool is_near = near.input_bytes > 0 && near.queue <= shortest + queue_lead_max;
  return is_near ? near : plain;
}

void placement_core::assign_share(pending_shape& shape, const share_choice& choice) {
  const bool is_successor = choice.share != nullptr;
  stream_share* share = choice.share;
  const ticket_id id = shape.head().id;
  if (is_successor) {
    shares_.join(*share, id);
  } else {
    const auto& inputs = pending_.find(id)->inputs;
    share = &shares_.open(&shape, ledger_.try_allocate(shape.request(), inputs).value(), id);
  }
  pending_.take_head(shape);
  running_.add(id, {.kinds = {.gpus = true}, .share = share});
  result_.assignments.push_back(
      {.id = id, .granted = &share->held, .share = share->id, .is_successor = is_successor});
}

}  // namespace narke::internal
