#include "resources/ledger.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

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
    full.gpus.push_back({.id = gpu.id, .share = quantity::one(), .memory_bytes = gpu.memory_bytes});
  }
  return full;
}

ledger::ledger(resource_totals totals)
    : totals_{std::move(totals)}, free_{full_amounts(totals_)} {
  check_totals(totals_);
}

bool ledger::custom_fits(const custom_amount& wanted) const {
  const auto at = free_.custom.find(wanted.name);
  return at != free_.custom.end() && wanted.amount <= at->second;
}

bool ledger::gpu_may_serve(std::size_t index, const resource_request& request) const {
  return is_wished_for(totals_.gpus[index], request) &&
         request.gpu_memory_bytes <= free_.gpus[index].memory_bytes;
}

std::vector<int> ledger::choose_whole_gpus(const resource_request& request) const {
  std::vector<int> chosen;
  const auto count = static_cast<std::size_t>(request.gpus.whole());
  for (std::size_t i = 0; i < free_.gpus.size() && chosen.size() < count; ++i) {
    if (free_.gpus[i].share == quantity::one() && gpu_may_serve(i, request)) {
      chosen.push_back(static_cast<int>(i));
    }
  }
  return chosen.size() == count ? chosen : std::vector<int>{};
}

std::vector<int> ledger::choose_shared_gpu(const resource_request& request) const {
  const bool emptiest = request.wish == placement_wish::spread;
  std::vector<int> chosen;
  for (std::size_t i = 0; i < free_.gpus.size(); ++i) {
    const quantity share = free_.gpus[i].share;
    if (share < request.gpus || !gpu_may_serve(i, request)) {
      continue;
    }
    if (chosen.empty()) {
      chosen.push_back(static_cast<int>(i));
      continue;
    }
    const quantity best = free_.gpus[static_cast<std::size_t>(chosen[0])].share;
    if (emptiest ? share > best : share < best) {
      chosen[0] = static_cast<int>(i);
    }
  }
  return chosen;
}

std::vector<int> ledger::choose_gpus(const resource_request& request) const {
  return request.gpus.is_whole() ? choose_whole_gpus(request) : choose_shared_gpu(request);
}

resource_kinds ledger::missing(const resource_request& request) const {
  resource_kinds lacking{.memory = request.memory_bytes > free_.memory_bytes};
  lacking.gpus = !request.gpus.is_zero() && choose_gpus(request).empty();
  for (const auto& wanted : request.custom) {
    if (!custom_fits(wanted)) {
      lacking.custom.push_back(wanted.name);
    }
  }
  return lacking;
}

std::optional<allocation> ledger::try_allocate(const resource_request& request) {
  if (request.gpus > quantity::one() && !request.gpus.is_whole()) {
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
  if (!request.gpus.is_zero()) {
    const auto chosen = choose_gpus(request);
    if (chosen.empty()) {
      return std::nullopt;
    }
    const quantity share = std::min(request.gpus, quantity::one());
    for (const int index : chosen) {
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
    auto& instance = free_.gpus[static_cast<std::size_t>(gpu.index)];
    instance.share += gpu.share;
    instance.memory_bytes += gpu.bytes;
  }
}

}  // namespace narke::internal
