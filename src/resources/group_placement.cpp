#include "resources/group_placement.hpp"

#include <algorithm>
#include <cstddef>
#include <set>

namespace narke::internal {

namespace {

constexpr int any_node = -1;

// Puts one bundle after the other, and keeps what is left.
class group_placer {
 public:
  group_placer(const group_request& group, const resource_totals& totals,
               std::vector<gpu_amount> free)
      : group_{group}, totals_{totals}, free_{std::move(free)} {}

  // Each bundle on GPUs of `node`, or on any. `is_spread`: where most is free, else where least is.
  // `apart`: no two on one place.
  [[nodiscard]] std::optional<std::vector<bundle_place>> place(int node, bool is_spread,
                                                               bool apart) {
    std::vector<bundle_place> places(group_.bundles.size());
    for (const std::size_t index : largest_first()) {
      const bundle_request& bundle = group_.bundles[index];
      bundle_place& place = places[index];
      if (bundle.gpus.is_zero()) {
        place.numa_node = choose_node(node, is_spread);
        if (apart && !taken_nodes_.insert(place.numa_node).second) {
          return std::nullopt;
        }
        continue;
      }
      if (!choose_gpus(bundle, node, is_spread, apart, place.gpus)) {
        return std::nullopt;
      }
      place.numa_node = node_of(place.gpus);
    }
    return places;
  }

 private:
  // Whole GPUs before shares, so that no share breaks up what a later bundle needs whole.
  [[nodiscard]] std::vector<std::size_t> largest_first() const {
    std::vector<std::size_t> order(group_.bundles.size());
    for (std::size_t i = 0; i != order.size(); ++i) {
      order[i] = i;
    }
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return group_.bundles[a].gpus > group_.bundles[b].gpus;
    });
    return order;
  }

  [[nodiscard]] bool fits(const bundle_request& bundle, std::size_t gpu, int node) const {
    const quantity wanted = std::min(bundle.gpus, quantity::one());
    return !totals_.gpus[gpu].is_lost && free_[gpu].share >= wanted &&
           free_[gpu].memory_bytes >= bundle.gpu_memory_bytes &&
           (node == any_node || totals_.gpus[gpu].numa_node == node);
  }

  // The best GPU of those that fit: the lowest of the fullest, or of the emptiest.
  [[nodiscard]] int best_gpu(const bundle_request& bundle, int node, bool is_spread,
                             bool apart) const {
    int best = -1;
    for (std::size_t i = 0; i != free_.size(); ++i) {
      if (!fits(bundle, i, node) || (apart && taken_gpus_.contains(static_cast<int>(i)))) {
        continue;
      }
      const bool is_better =
          best < 0 || (is_spread ? free_[i].share > free_[static_cast<std::size_t>(best)].share
                                 : free_[i].share < free_[static_cast<std::size_t>(best)].share);
      best = is_better ? static_cast<int>(i) : best;
    }
    return best;
  }

  [[nodiscard]] bool choose_gpus(const bundle_request& bundle, int node, bool is_spread, bool apart,
                                 std::vector<int>& chosen) {
    const quantity share = std::min(bundle.gpus, quantity::one());
    for (std::int64_t i = 0; i != bundle.gpus.ceil_whole(); ++i) {
      const int gpu = best_gpu(bundle, node, is_spread, apart);
      if (gpu < 0) {
        return false;
      }
      gpu_amount& left = free_[static_cast<std::size_t>(gpu)];
      left.share -= share;
      left.memory_bytes -= bundle.gpu_memory_bytes;
      chosen.push_back(gpu);
    }
    taken_gpus_.insert(chosen.begin(), chosen.end());
    std::sort(chosen.begin(), chosen.end());
    return true;
  }

  // For a bundle without GPUs. Packed, the first node; spread, one after the other.
  [[nodiscard]] int choose_node(int node, bool is_spread) {
    if (node != any_node || totals_.numa_nodes.empty()) {
      return node;
    }
    const std::size_t at = is_spread ? next_node_++ % totals_.numa_nodes.size() : 0;
    return totals_.numa_nodes[at];
  }

  [[nodiscard]] int node_of(const std::vector<int>& gpus) const {
    const int node = totals_.gpus[static_cast<std::size_t>(gpus.front())].numa_node;
    const bool is_one = std::all_of(gpus.begin(), gpus.end(), [&](int gpu) {
      return totals_.gpus[static_cast<std::size_t>(gpu)].numa_node == node;
    });
    return is_one ? node : any_node;
  }

  const group_request& group_;
  const resource_totals& totals_;
  std::vector<gpu_amount> free_;
  std::set<int> taken_gpus_;
  std::set<int> taken_nodes_;
  std::size_t next_node_ = 0;
};

quantity all_cpus(const group_request& group) {
  quantity sum;
  for (const bundle_request& bundle : group.bundles) {
    sum += bundle.cpus;
  }
  return sum;
}

bool has_cpus_for(const group_request& group, const resource_totals& totals, int node) {
  const auto known = totals.numa_cpus.find(node);
  return known == totals.numa_cpus.end() || all_cpus(group) <= quantity::from_whole(known->second);
}

std::optional<std::vector<bundle_place>> pack_on_one_node(const group_request& group,
                                                          const resource_totals& totals,
                                                          const std::vector<gpu_amount>& free) {
  std::set<int> nodes(totals.numa_nodes.begin(), totals.numa_nodes.end());
  for (const gpu_total& gpu : totals.gpus) {
    nodes.insert(gpu.numa_node);  // -1: those of which nothing is known are as near as can be said
  }
  if (nodes.empty()) {
    nodes.insert(any_node);
  }
  for (const int node : nodes) {
    if (has_cpus_for(group, totals, node)) {
      if (auto places = group_placer{group, totals, free}.place(node, false, false)) {
        return places;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<bundle_place>> place_group(const group_request& group,
                                                     const resource_totals& totals,
                                                     std::vector<gpu_amount> free) {
  const bool is_spread =
      group.strategy == group_strategy::spread || group.strategy == group_strategy::strict_spread;
  auto places = is_spread ? group_placer{group, totals, free}.place(any_node, true, true)
                          : pack_on_one_node(group, totals, free);
  if (!places &&
      (group.strategy == group_strategy::spread || group.strategy == group_strategy::pack)) {
    places = group_placer{group, totals, std::move(free)}.place(any_node, is_spread, false);
  }
  return places;
}

}  // namespace narke::internal
