#include "device/device_memory.hpp"

#include <algorithm>
#include <utility>

namespace narke::internal {

namespace {

bool have_ended(const point_list& points) {
  return std::all_of(points.begin(), points.end(), [](const stream_point& point) {
    return point.sequence <= point.stream->ended;
  });
}

}  // namespace

device_block device_memory::hand_out(device_block block) noexcept {
  block.users.clear();
  used_bytes_ += block.bytes;
  peak_bytes_ = std::max(peak_bytes_, used_bytes_);
  return block;
}

device_block device_memory::allocate(std::size_t bytes, gpu_stream& stream, cu_result& code) {
  code = cu_result::success;
  const std::size_t wanted = rounded(bytes);
  if (used_bytes_ + wanted > options_.capacity_bytes) {
    return {};
  }
  device_block block = take_from_bin(wanted, stream);
  if (!block) {
    block = take_from_slabs(wanted, stream, false);
  }
  if (!block && add_slab(wanted, code)) {
    block = take_from_slabs(wanted, stream, true);
  }
  if (!block) {
    empty_bins();
    block = take_from_slabs(wanted, stream, true);
  }
  if (!block) {
    return {};
  }
  if (const cu_result waited = order_.wait(stream, block.users); waited != cu_result::success) {
    code = waited;
    put_into_slab(std::move(block));
    return {};
  }
  table_.annotate(annotation::alloc, block.begin, block.bytes, stream.handle, "block");
  return hand_out(std::move(block));
}

void device_memory::let_go(device_block block) {
  used_bytes_ -= block.bytes;
  table_.annotate(annotation::free, block.begin, block.bytes, nullptr, "block");
  block.users.forget_complete();
  if (options_.one_allocation_a_block) {
    put_into_slab(std::move(block));
    return;
  }
  bins_[block.bytes].push_back(std::move(block));
}

// The newest first: its lines are the likeliest to be in the device's caches.
device_block device_memory::take_from_bin(std::size_t bytes, const gpu_stream& stream) {
  const auto bin = bins_.find(bytes);
  if (bin == bins_.end()) {
    return {};
  }
  std::vector<device_block>& blocks = bin->second;
  constexpr std::size_t looks = 8;
  for (std::size_t i = 0; i != std::min(looks, blocks.size()); ++i) {
    device_block& candidate = blocks[blocks.size() - 1 - i];
    if (stream_order::has_seen_all(stream, candidate.users)) {
      std::swap(candidate, blocks.back());
      device_block found = std::move(blocks.back());
      blocks.pop_back();
      return found;
    }
  }
  return {};
}

device_block device_memory::take_from_slabs(std::size_t bytes, const gpu_stream& stream,
                                            bool may_wait) {
  slab* of = nullptr;
  std::map<cu_device_ptr, free_range>::iterator best;
  bool best_is_seen = false;
  for (auto& [begin, each] : slabs_) {
    for (auto range = each.free.begin(); range != each.free.end(); ++range) {
      if (range->second.bytes < bytes) {
        continue;
      }
      const bool is_seen = stream_order::has_seen_all(stream, range->second.users);
      // Nobody can wait yet for work that is still being enqueued.
      const bool is_usable = is_seen || (may_wait && have_ended(range->second.users));
      const bool is_better = of == nullptr || (is_seen && !best_is_seen) ||
                             (is_seen == best_is_seen && range->second.bytes < best->second.bytes);
      if (is_usable && is_better) {
        of = &each;
        best = range;
        best_is_seen = is_seen;
      }
    }
  }
  if (of == nullptr) {
    return {};
  }
  device_block block{best->first, bytes, best->second.users};
  free_range rest{best->second.bytes - bytes, std::move(best->second.users)};
  const cu_device_ptr rest_begin = best->first + bytes;
  of->free.erase(best);
  if (rest.bytes != 0) {
    of->free.emplace(rest_begin, std::move(rest));
  }
  return block;
}

bool device_memory::add_slab(std::size_t bytes, cu_result& code) {
  const std::uint64_t room =
      options_.capacity_bytes > slab_total_bytes_ ? options_.capacity_bytes - slab_total_bytes_ : 0;
  if (bytes > room) {
    return false;
  }
  std::size_t wanted = bytes;
  if (!options_.one_allocation_a_block) {
    wanted = std::max<std::size_t>(bytes, std::min<std::uint64_t>(options_.slab_bytes, room));
  }
  cu_device_ptr begin = 0;
  code = table_.mem_alloc_from_pool_async(&begin, wanted, pool_, home_.handle);
  if (code == cu_result::out_of_memory && wanted > bytes) {
    wanted = bytes;
    code = table_.mem_alloc_from_pool_async(&begin, wanted, pool_, home_.handle);
  }
  if (code != cu_result::success) {
    return false;
  }
  ++driver_allocations_;
  slab_total_bytes_ += wanted;
  // The memory is there from this point of the home stream on: other streams come after it as
  // after any user of the range.
  stream_order::end_work(home_, 0);
  slab& made = slabs_[begin];
  made.bytes = wanted;
  free_range all{wanted, {}};
  all.users.add({&home_, home_.ended});
  made.free.emplace(begin, std::move(all));
  return true;
}

void device_memory::empty_bins() {
  for (auto& [bytes, blocks] : bins_) {
    for (device_block& block : blocks) {
      put_into_slab(std::move(block));
    }
  }
  bins_.clear();
}

device_memory::slab& device_memory::slab_of(cu_device_ptr address) {
  return std::prev(slabs_.upper_bound(address))->second;
}

void device_memory::put_into_slab(device_block block) {
  slab& of = slab_of(block.begin);
  auto next = of.free.lower_bound(block.begin);
  free_range range{block.bytes, std::move(block.users)};
  range.users.forget_complete();
  cu_device_ptr begin = block.begin;
  if (next != of.free.end() && begin + range.bytes == next->first) {
    range.bytes += next->second.bytes;
    range.users.add(next->second.users);
    next = of.free.erase(next);
  }
  if (next != of.free.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second.bytes == begin) {
      range.bytes += previous->second.bytes;
      range.users.add(previous->second.users);
      begin = previous->first;
      of.free.erase(previous);
    }
  }
  of.free.emplace(begin, std::move(range));
}

bool device_memory::trim() {
  empty_bins();
  bool gave_back = false;
  for (auto each = slabs_.begin(); each != slabs_.end();) {
    auto& [begin, of] = *each;
    const bool is_free = of.free.size() == 1 && of.free.begin()->second.bytes == of.bytes;
    if (is_free) {
      of.free.begin()->second.users.forget_complete();
    }
    if (!is_free || !of.free.begin()->second.users.empty() ||
        table_.mem_free_async(begin, home_.handle) != cu_result::success) {
      ++each;
      continue;
    }
    gave_back = true;
    slab_total_bytes_ -= of.bytes;
    each = slabs_.erase(each);
  }
  return gave_back;
}

void device_memory::gather() {
  if (!options_.one_allocation_a_block && options_.capacity_bytes > slab_total_bytes_) {
    cu_result code = cu_result::success;
    static_cast<void>(add_slab(options_.capacity_bytes - slab_total_bytes_, code));
  }
}

point_list device_memory::users_of_free_slabs() {
  empty_bins();
  point_list users;
  for (const auto& [begin, of] : slabs_) {
    for (const auto& [at, range] : of.free) {
      users.add(range.users);
    }
  }
  return users;
}

void device_memory::lower_capacity() noexcept {
  options_.capacity_bytes = std::max(slab_total_bytes_, used_bytes_);
}

void device_memory::release_all() noexcept {
  for (const auto& [begin, of] : slabs_) {
    table_.mem_free_async(begin, home_.handle);
  }
  slabs_.clear();
  bins_.clear();
  slab_total_bytes_ = 0;
}

}  // namespace narke::internal
