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
  bin_of(block.bytes).push_back(std::move(block));
}

// Blocks of one size are mostly let go and taken in turn.
std::vector<device_block>& device_memory::bin_of(std::size_t bytes) {
  if (last_bin_ == nullptr || last_bin_bytes_ != bytes) {
    last_bin_ = &bins_[bytes];
    last_bin_bytes_ = bytes;
  }
  return *last_bin_;
}

// The newest first: its lines are the likeliest to be in the device's caches.
device_block device_memory::take_from_bin(std::size_t bytes, const gpu_stream& stream) {
  std::vector<device_block>& blocks = bin_of(bytes);
  constexpr std::size_t looks = 8;
  for (std::size_t i = 0; i != std::min(looks, blocks.size()); ++i) {
    device_block& candidate = blocks[blocks.size() - 1 - i];
    if (stream_order::has_seen_all(stream, candidate.users)) {
      if (&candidate != &blocks.back()) {
        std::swap(candidate, blocks.back());
      }
      device_block found = std::move(blocks.back());
      blocks.pop_back();
      return found;
    }
  }
  return {};
}

// Free ranges that lie end to end serve together, each with its own users.
device_memory::free_run device_memory::run_from(slab& of, range_map::iterator first,
                                                std::size_t bytes, const gpu_stream& stream) {
  free_run run{.of = &of, .first = first};
  for (auto range = first; range != of.free.end() && range->first == first->first + run.bytes;
       ++range) {
    if (run.bytes < bytes) {
      run.is_seen = run.is_seen && stream_order::has_seen_all(stream, range->second.users);
      run.has_ended = run.has_ended && have_ended(range->second.users);
    }
    run.bytes += range->second.bytes;
  }
  return run;
}

device_block device_memory::take_from_slabs(std::size_t bytes, const gpu_stream& stream,
                                            bool may_wait) {
  free_run best;
  for (auto& [begin, each] : slabs_) {
    for (auto first = each.free.begin(); first != each.free.end(); ++first) {
      const free_run run = run_from(each, first, bytes, stream);
      // Nobody can wait yet for work that is still being enqueued.
      const bool is_usable = run.bytes >= bytes && (run.is_seen || (may_wait && run.has_ended));
      const bool is_better = best.of == nullptr || (run.is_seen && !best.is_seen) ||
                             (run.is_seen == best.is_seen && run.bytes < best.bytes);
      if (is_usable && is_better) {
        best = run;
      }
    }
  }
  return best.of != nullptr ? cut(best, bytes) : device_block{};
}

device_block device_memory::cut(const free_run& run, std::size_t bytes) {
  device_block block{run.first->first, bytes, {}};
  std::size_t left = bytes;
  for (auto range = run.first; left != 0;) {
    free_range& taken = range->second;
    block.users.add(taken.users);
    const std::size_t part = std::min(taken.bytes, left);
    const cu_device_ptr rest_begin = range->first + part;
    free_range rest{taken.bytes - part, std::move(taken.users)};
    range = run.of->free.erase(range);
    if (rest.bytes != 0) {
      range = run.of->free.emplace(rest_begin, std::move(rest)).first;
    }
    left -= part;
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
  last_bin_ = nullptr;
}

device_memory::slab& device_memory::slab_of(cu_device_ptr address) {
  return std::prev(slabs_.upper_bound(address))->second;
}

// Joined with its neighbours as far as nobody uses them: else one's users would be waited for by
// whoever takes the other.
void device_memory::put_into_slab(device_block block) {
  slab& of = slab_of(block.begin);
  const auto put =
      of.free.emplace(block.begin, free_range{block.bytes, std::move(block.users)}).first;
  const auto next = std::next(put);
  if (next != of.free.end()) {
    join(of, put, next);
  }
  if (put != of.free.begin()) {
    join(of, std::prev(put), put);
  }
}

void device_memory::join(slab& of, range_map::iterator first, range_map::iterator second) {
  first->second.users.forget_complete();
  second->second.users.forget_complete();
  if (first->first + first->second.bytes == second->first && first->second.users.empty() &&
      second->second.users.empty()) {
    first->second.bytes += second->second.bytes;
    of.free.erase(second);
  }
}

bool device_memory::trim() {
  empty_bins();
  bool gave_back = false;
  for (auto each = slabs_.begin(); each != slabs_.end();) {
    auto& [begin, of] = *each;
    std::size_t free_bytes = 0;
    bool is_used = false;
    for (auto& [at, range] : of.free) {
      free_bytes += range.bytes;
      range.users.forget_complete();
      is_used = is_used || !range.users.empty();
    }
    if (free_bytes != of.bytes || is_used ||
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
  last_bin_ = nullptr;
  slab_total_bytes_ = 0;
}

}  // namespace narke::internal
