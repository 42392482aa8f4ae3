// placement_core's part about GPU shares that are handed over in stream order: which share a ticket
// gets, and what becomes of it.
#include <algorithm>
#include <utility>

#include "scheduler/placement_core.hpp"

namespace narke::internal {

// A share to take over, or a fresh allocation, for one ticket.
struct share_choice {
  bool is_possible = false;
  bool is_followed = false;       // the ticket follows its newest member
  stream_share* share = nullptr;  // null: a fresh allocation
  std::int64_t input_bytes = 0;   // of the ticket, on its GPUs

  [[nodiscard]] int members() const { return share == nullptr ? 0 : share->members; }
  [[nodiscard]] int queue() const { return is_followed ? 0 : members(); }

  [[nodiscard]] bool goes_before(const share_choice& other) const {
    if (is_followed != other.is_followed) return is_followed;
    if (members() != other.members()) return members() < other.members();
    return share != nullptr && other.share != nullptr && share->id < other.share->id;
  }
  [[nodiscard]] bool is_nearer_than(const share_choice& other) const {
    if (input_bytes != other.input_bytes) return input_bytes > other.input_bytes;
    return goes_before(other);
  }
};

namespace {

// Of very many small shares only so many are compared.
constexpr std::size_t shares_compared_max = 64;

constexpr input_bytes no_inputs;

bool lie_all_on(const std::vector<gpu_share>& gpus, const input_bytes& inputs) {
  return std::all_of(inputs.entries().begin(), inputs.entries().end(), [&](const auto& entry) {
    return std::any_of(gpus.begin(), gpus.end(),
                       [&](const gpu_share& gpu) { return gpu.index == entry.gpu; });
  });
}

std::int64_t bytes_on(const std::vector<gpu_share>& gpus, const input_bytes& inputs) {
  std::int64_t sum = 0;
  for (const auto& gpu : gpus) {
    sum += inputs.on(gpu.index);
  }
  return sum;
}

// The rule of placement_core.hpp, fed with one possible choice after the other.
class best_choice {
 public:
  /// `soon`: the shortest queue of a share that is no possible choice yet.
  explicit best_choice(int soon) : soon_{soon}, shortest_{soon} {}

  void offer(const share_choice& offered) {
    shortest_ = std::min(shortest_, offered.queue());
    if (!plain_.is_possible) {
      plain_ = near_ = offered;
      return;
    }
    if (offered.goes_before(plain_)) plain_ = offered;
    if (offered.is_nearer_than(near_)) near_ = offered;
  }

  /// Not possible: there is none, or it is better to wait.
  [[nodiscard]] share_choice result() const {
    const bool is_short_enough = near_.queue() <= shortest_ + placement_core::queue_lead_max;
    const bool is_near = near_.input_bytes > 0 && is_short_enough;
    if (is_near || plain_.queue() <= soon_ + placement_core::handing_lead_max) {
      return is_near ? near_ : plain_;
    }
    return {};
  }

 private:
  share_choice plain_;  // whatever the inputs
  share_choice near_;   // with most of the inputs
  const int soon_;
  int shortest_;
};

}  // namespace

void placement_core::on_ordered(ticket_id id) {
  if (bundles_.is_running(id)) {
    return;  // its part of the GPU is handed to nobody
  }
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

// Why choose_share would come to the same: the share is followed, so its queue counts as empty, and
// no other can have more of the inputs, or as many and go before it. Nothing waits, so that nothing
// is reserved or passed.
const assignment* placement_core::try_follow(const resource_request& request, const follower& t) {
  if (t.follows == 0 || pending_count() != 0 || request.wish == placement_wish::spread) {
    return nullptr;
  }
  const running_ticket* followed = running_.find(t.follows);
  stream_share* share = followed != nullptr ? followed->share : nullptr;
  if (share == nullptr || share->newest != t.follows || !share->is_passable() ||
      !(share->shape->request() == request) || !lie_all_on(share->held.gpus, t.inputs)) {
    return nullptr;
  }
  shares_.join(*share, t.id);
  running_.add_member(t.id, *share);
  followed_ = {.id = t.id, .granted = &share->held, .share = share->id, .is_successor = true};
  return &followed_;
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

share_choice placement_core::choose_share(const pending_shape& shape) {
  const resource_request& request = shape.request();
  const pending_ticket& head = *pending_.find(shape.head().id);
  const auto& inputs = request.wish == placement_wish::spread ? no_inputs : head.inputs;
  best_choice best{shares_.fewest_members_of_unpassable(shape)};
  if (const auto fresh = fresh_share(request, inputs); fresh.is_possible) {
    best.offer(fresh);
  }
  const auto& passable = shape.shares.passable;
  const auto count = std::min(passable.size(), shares_compared_max);
  for (std::size_t i = 0; i < count; ++i) {
    best.offer({.is_possible = true,
                .is_followed = head.follows != 0 && passable[i]->newest == head.follows,
                .share = passable[i],
                .input_bytes = inputs.empty() ? 0 : bytes_on(passable[i]->held.gpus, inputs)});
  }
  return best.result();
}

share_choice placement_core::fresh_share(const resource_request& request,
                                         const input_bytes& inputs) {
  share_choice fresh{.is_possible = ledger_.choose_gpus(request, inputs, fresh_gpus_)};
  if (!inputs.empty()) {
    for (const int index : fresh_gpus_) {
      fresh.input_bytes += inputs.on(index);
    }
  }
  return fresh;
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
  running_.add_member(id, *share);
  result_.assignments.push_back(
      {.id = id, .granted = &share->held, .share = share->id, .is_successor = is_successor});
}

}  // namespace narke::internal
