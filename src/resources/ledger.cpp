#include "resources/ledger.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "resources/group_placement.hpp"

namespace narke::internal {
namespace {

void check_totals(const resource_totals& totals) {
  if (totals.cpus < 0 || totals.memory_bytes < 0) {
    throw std::invalid_argument{fmt::format("totals: CPU {} and memory {} must not be negative",
                                            totals.cpus, totals.memory_bytes)};
  }
  for (const auto& gpu : totals.gpus) {
    if (gpu.memory_bytes < 0) {
      throw std::invalid_argument{fmt::format(
          "totals: GPU {} has {} bytes of memory; give 0 or more", gpu.id, gpu.memory_bytes)};
    }
  }
  for (const auto& [name, amount] : totals.custom) {
    if (amount < quantity::zero()) {
      throw std::invalid_argument{
          fmt::format("totals: {} of {}; give 0 or more", amount.to_string(), name)};
    }
  }
}

bool is_wished_for(const gpu_total& gpu, const resource_request& request) {
  switch (request.wish) {
    case placement_wish::gpu:
      return gpu.id == request.wish_index;
    case placement_wish::numa_node:
      return gpu.numa_node == request.wish_index;
    case placement_wish::automatic:
    case placement_wish::spread:
      break;
  }
  return true;
}

}  // namespace

quantity resource_amounts::gpu_sum() const {
  quantity sum;
  for (const auto& gpu : gpus) {
    sum += gpu.share;
  }
  return sum;
}

resource_amounts full_amounts(const resource_totals& totals) {
  resource_amounts full{.memory_bytes = totals.memory_bytes, .custom = totals.custom};
  full.gpus.reserve(totals.gpus.size());
  for (const auto& gpu : totals.gpus) {
    full.gpus.push_back({.id = gpu.id,
                         .share = gpu.is_lost ? quantity::zero() : quantity::one(),
                         .memory_bytes = gpu.is_lost ? 0 : gpu.memory_bytes});
  }
  return full;
}

ledger::ledger(resource_totals totals)
    : totals_{std::move(totals)}, free_{full_amounts(totals_)} {
  check_totals(totals_);
}

void ledger::add_gpus(const resource_totals& totals) {
  if (!totals_.gpus.empty()) {
    throw std::logic_error{"the ledger has its GPUs already"};
  }
  check_totals(totals);
  totals_.gpus = totals.gpus;
  free_.gpus = full_amounts(totals_).gpus;
  for (const auto& [name, amount] : totals.custom) {
    if (totals_.custom.emplace(name, amount).second) {
      free_.custom.emplace(name, amount);
    }
  }
}

bool ledger::custom_fits(const custom_amount& wanted) const {
  const auto at = free_.custom.find(wanted.name);
  return at != free_.custom.end() && wanted.amount <= at->second;
}

// `free` of that GPU is enough for one of the GPUs asked for.
bool ledger::gpu_fits(std::size_t index, const gpu_amount& free,
                      const resource_request& request) const {
  const auto& gpu = totals_.gpus[index];
  const bool share_fits = request.gpus.is_whole() ? free.share == quantity::one()
                                                  : free.share >= request.gpus;
  return share_fits && !gpu.is_lost && request.gpu_memory_bytes <= free.memory_bytes &&
         is_wished_for(gpu, request);
}

// The lowest indices, or those with the most input bytes.
void ledger::choose_whole_gpus(const resource_request& request, const input_bytes& inputs,
                               std::vector<int>& chosen) const {
  const auto count = static_cast<std::size_t>(request.gpus.whole());
  for (std::size_t i = 0; i < free_.gpus.size(); ++i) {
    if (gpu_fits(i, free_.gpus[i], request)) {
      chosen.push_back(static_cast<int>(i));
    }
  }
  if (chosen.size() < count) {
    chosen.clear();
    return;
  }
  if (!inputs.empty()) {
    std::sort(chosen.begin(), chosen.end(), [&inputs](int a, int b) {
      return std::pair{-inputs.on(a), a} < std::pair{-inputs.on(b), b};
    });
  }
  chosen.resize(count);
  std::sort(chosen.begin(), chosen.end());
}

void ledger::choose_shared_gpu(const resource_request& request, const input_bytes& inputs,
                               std::vector<int>& chosen) const {
  const bool emptiest = request.wish == placement_wish::spread;
  int best = -1;
  for (std::size_t i = 0; i < free_.gpus.size(); ++i) {
    if (!gpu_fits(i, free_.gpus[i], request)) {
      continue;
    }
    const auto index = static_cast<int>(i);
    if (best < 0) {
      best = index;
      continue;
    }
    const quantity share = free_.gpus[i].share;
    const quantity best_share = free_.gpus[static_cast<std::size_t>(best)].share;
    const bool packs_better = emptiest ? share > best_share : share < best_share;
    const std::int64_t more_bytes = inputs.on(index) - inputs.on(best);
    if (more_bytes > 0 || (more_bytes == 0 && packs_better)) {
      best = index;
    }
  }
  if (best >= 0) {
    chosen.push_back(best);
  }
}

bool ledger::choose_gpus(const resource_request& request, const input_bytes& inputs,
                         std::vector<int>& chosen) const {
  static constexpr input_bytes none;
  const auto& weighed = request.wish == placement_wish::spread ? none : inputs;
  chosen.clear();
  if (request.gpus.is_whole()) {
    choose_whole_gpus(request, weighed, chosen);
  } else {
    choose_shared_gpu(request, weighed, chosen);
  }
  return !chosen.empty();
}

std::optional<std::vector<bundle_place>> ledger::place_bundles(
    const resource_request& group) const {
  return place_group(*group.group, totals_, free_.gpus);
}

bool ledger::allocate_bundles(const resource_request& request, allocation& granted) {
  const auto places = place_bundles(request);
  if (!places) {
    return false;
  }
  for (std::size_t i = 0; i != places->size(); ++i) {
    const bundle_request& bundle = request.group->bundles[i];
    for (const int index : (*places)[i].gpus) {
      granted.gpus.push_back({.index = index,
                              .id = totals_.gpus[static_cast<std::size_t>(index)].id,
                              .share = std::min(bundle.gpus, quantity::one()),
                              .bytes = bundle.gpu_memory_bytes});
    }
  }
  return true;
}

bool ledger::gpus_are_free(const resource_request& request) const {
  if (request.group != nullptr) {
    return place_bundles(request).has_value();
  }
  std::int64_t count = 0;
  for (std::size_t i = 0; i < free_.gpus.size(); ++i) {
    count += gpu_fits(i, free_.gpus[i], request) ? 1 : 0;
  }
  return count >= request.gpus.ceil_whole();
}

bool ledger::gpus_fit_beside(const std::vector<gpu_amount>& held,
                             const resource_request& request) const {
  if (request.group != nullptr) {
    std::vector<gpu_amount> beside = full_amounts(totals_).gpus;
    for (std::size_t i = 0; i < beside.size(); ++i) {
      beside[i].share -= held[i].share;
      beside[i].memory_bytes -= held[i].memory_bytes;
    }
    return place_group(*request.group, totals_, std::move(beside)).has_value();
  }
  std::int64_t count = 0;
  for (std::size_t i = 0; i < totals_.gpus.size(); ++i) {
    const gpu_amount free{.share = quantity::one() - held[i].share,
                          .memory_bytes = totals_.gpus[i].memory_bytes - held[i].memory_bytes};
    count += gpu_fits(i, free, request) ? 1 : 0;
  }
  return count >= request.gpus.ceil_whole();
}

resource_kinds ledger::missing(const resource_request& request) const {
  resource_kinds lacking{.memory = request.memory_bytes > free_.memory_bytes};
  lacking.gpus = !request.gpus.is_zero() && !gpus_are_free(request);
  for (const auto& wanted : request.custom) {
    if (!custom_fits(wanted)) {
      lacking.custom.push_back(wanted.name);
    }
  }
  return lacking;
}

std::optional<allocation> ledger::try_allocate(const resource_request& request,
                                               const input_bytes& inputs) {
  if (request.group == nullptr && request.gpus > quantity::one() && !request.gpus.is_whole()) {
    throw std::logic_error{fmt::format("a request for {} GPUs", request.gpus.to_string())};
  }
  const bool rest_fits =
      request.memory_bytes <= free_.memory_bytes &&
      std::all_of(request.custom.begin(), request.custom.end(),
                  [this](const auto& wanted) { return custom_fits(wanted); });
  if (!rest_fits) {
    return std::nullopt;
  }
  allocation granted{.memory_bytes = request.memory_bytes, .custom = request.custom};
  if (request.group != nullptr) {
    if (!allocate_bundles(request, granted)) {
      return std::nullopt;
    }
  } else if (!request.gpus.is_zero()) {
    if (!choose_gpus(request, inputs, chosen_)) {
      return std::nullopt;
    }
    const quantity share = std::min(request.gpus, quantity::one());
    granted.gpus.reserve(chosen_.size());
    for (const int index : chosen_) {
      granted.gpus.push_back({.index = index,
                              .id = totals_.gpus[static_cast<std::size_t>(index)].id,
                              .share = share,
                              .bytes = request.gpu_memory_bytes});
    }
  }
  take(granted);
  if (!granted.gpus.empty() || granted.memory_bytes > 0 || !granted.custom.empty()) {
    granted.serial = ++last_serial_;
    live_serials_.insert(granted.serial);
  }
  return granted;
}

void ledger::take(const allocation& wanted) {
  free_.memory_bytes -= wanted.memory_bytes;
  for (const auto& [name, amount] : wanted.custom) {
    free_.custom.find(name)->second -= amount;
  }
  for (const auto& gpu : wanted.gpus) {
    auto& instance = free_.gpus[static_cast<std::size_t>(gpu.index)];
    instance.share -= gpu.share;
    instance.memory_bytes -= gpu.bytes;
  }
}

void ledger::release(const allocation& held) {
  if (held.serial == 0) {
    return;
  }
  if (live_serials_.erase(held.serial) == 0) {
    throw std::logic_error{
        fmt::format("allocation {} was given back before, or is not of this ledger", held.serial)};
  }
  free_.memory_bytes += held.memory_bytes;
  for (const auto& [name, amount] : held.custom) {
    free_.custom.find(name)->second += amount;
  }
  for (const auto& gpu : held.gpus) {
    const auto index = static_cast<std::size_t>(gpu.index);
    if (!totals_.gpus[index].is_lost) {
      free_.gpus[index].share += gpu.share;
      free_.gpus[index].memory_bytes += gpu.bytes;
    }
  }
}

void ledger::lose_gpu(int index) {
  if (index < 0 || static_cast<std::size_t>(index) >= totals_.gpus.size()) {
    throw std::logic_error{fmt::format("GPU number {} of {} was lost", index,
                                       totals_.gpus.size())};
  }
  const auto at = static_cast<std::size_t>(index);
  totals_.gpus[at].is_lost = true;
  free_.gpus[at].share = quantity::zero();
  free_.gpus[at].memory_bytes = 0;
}

}  // namespace narke::internal
