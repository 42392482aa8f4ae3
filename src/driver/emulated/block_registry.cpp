#include "driver/emulated/block_registry.hpp"

#include <fmt/format.h>

namespace narke::internal::emulation {
namespace {

std::string describe_part(const block_part& part, cu_device_ptr begin) {
  return fmt::format("'{}' ({} bytes at {:#x}, {})", part.label, part.bytes, begin,
                     part.history.text());
}

}  // namespace

void block_history::add(history_note note) {
  if (notes_.size() == notes_max) {
    notes_.erase(notes_.begin() + 1);
    ++forgotten_;
  }
  notes_.push_back(std::move(note));
}

std::string block_history::text() const {
  std::string text;
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    const history_note& note = notes_[i];
    if (i > 0) text += "; ";
    if (i == 1 && forgotten_ > 0) text += fmt::format("{} more; ", forgotten_);
    text += fmt::format("{} by {}", note.action, note.by);
    if (note.place.stream != 0) {
      text += fmt::format(" on stream {} #{}", note.place.stream, note.place.sequence);
    }
  }
  return text;
}

std::shared_ptr<device_block> block_registry::add(device_block block) {
  block.number = next_number_++;
  const cu_device_ptr end = block.begin + block.bytes;
  auto old = blocks_.upper_bound(block.begin);
  if (old != blocks_.begin()) {
    const auto before = std::prev(old);
    if (before->first + before->second->bytes > block.begin) old = before;
  }
  while (old != blocks_.end() && old->first < end) old = blocks_.erase(old);
  auto shared = std::make_shared<device_block>(std::move(block));
  blocks_.emplace(shared->begin, shared);
  ++live_count_;
  return shared;
}

std::shared_ptr<device_block> block_registry::find(cu_device_ptr address) const {
  const auto after = blocks_.upper_bound(address);
  if (after == blocks_.begin()) return nullptr;
  const auto& block = std::prev(after)->second;
  return address < block->begin + block->bytes ? block : nullptr;
}

std::shared_ptr<device_block> block_registry::find_begin(cu_device_ptr begin) const {
  const auto found = blocks_.find(begin);
  return found == blocks_.end() ? nullptr : found->second;
}

void block_registry::mark_freed(device_block& block, history_note note) {
  block.is_freed = true;
  block.history.add(std::move(note));
  --live_count_;
}

std::string block_registry::describe(const device_block& block) const {
  return fmt::format("block {} of {} bytes at {:#x} on GPU {}, {}", block.number, block.bytes,
                     block.begin, block.ordinal, block.history.text());
}

std::string block_registry::explain(cu_device_ptr begin, std::size_t bytes,
                                    const device_block* block, const std::string& what) const {
  std::string text = fmt::format("{} bytes at {:#x} {}", bytes, begin, what);
  if (block != nullptr) text += ": " + describe(*block);
  return text;
}

std::optional<finding> block_registry::check(cu_device_ptr begin, std::size_t bytes) const {
  const auto block = find(begin);
  if (block == nullptr) {
    const auto after = blocks_.upper_bound(begin);
    const device_block* nearest =
        after == blocks_.begin() ? nullptr : std::prev(after)->second.get();
    const char* what = nearest == nullptr ? "are no device memory that was allocated"
                                          : "lie in no block; the nearest before them is";
    return finding{violation_kind::out_of_bounds, explain(begin, bytes, nearest, what)};
  }
  if (block->is_freed) {
    return finding{violation_kind::use_after_free,
                   explain(begin, bytes, block.get(), "were freed before")};
  }
  if (bytes > block->begin + block->bytes - begin) {
    return finding{violation_kind::out_of_bounds,
                   explain(begin, bytes, block.get(), "reach past the end of their block")};
  }
  if (block->parts.empty()) return std::nullopt;
  return check_parts(*block, begin, bytes);
}

std::optional<finding> block_registry::check_parts(const device_block& block, cu_device_ptr begin,
                                                   std::size_t bytes) const {
  const auto after = block.parts.upper_bound(begin);
  if (after == block.parts.begin() ||
      std::prev(after)->first + std::prev(after)->second.bytes <= begin) {
    return finding{violation_kind::out_of_bounds,
                   explain(begin, bytes, &block, "were not handed out of their block")};
  }
  const auto& [part_begin, part] = *std::prev(after);
  if (!part.is_live) {
    return finding{violation_kind::use_after_free,
                   explain(begin, bytes, &block,
                           "were put back before: " + describe_part(part, part_begin) + " of")};
  }
  if (bytes > part_begin + part.bytes - begin) {
    return finding{violation_kind::out_of_bounds,
                   explain(begin, bytes, &block,
                           "reach past the end of " + describe_part(part, part_begin) + " of")};
  }
  return std::nullopt;
}

void block_registry::note(cu_device_ptr begin, history_note note) {
  const auto block = find(begin);
  if (block == nullptr) return;
  const auto after = block->parts.upper_bound(begin);
  if (after != block->parts.begin()) {
    block_part& part = std::prev(after)->second;
    if (begin < std::prev(after)->first + part.bytes) {
      part.history.add(std::move(note));
      return;
    }
  }
  block->history.add(std::move(note));
}

std::optional<finding> block_registry::annotate_alloc(cu_device_ptr begin, std::size_t bytes,
                                                      const std::string& label,
                                                      stream_place place) {
  const auto block = find(begin);
  if (block == nullptr || block->is_freed || bytes > block->begin + block->bytes - begin) {
    return finding{violation_kind::out_of_bounds,
                   explain(begin, bytes, block.get(), "are handed out but lie in no live block")};
  }
  auto& parts = block->parts;
  auto part = parts.upper_bound(begin);
  if (part != parts.begin() && std::prev(part)->first + std::prev(part)->second.bytes > begin) {
    --part;
  }
  while (part != parts.end() && part->first < begin + bytes) {
    if (part->second.is_live && frees_are_told_) {
      return finding{violation_kind::handed_out_twice,
                     explain(begin, bytes, block.get(),
                             fmt::format("are handed out as '{}' while they are ", label) +
                                 describe_part(part->second, part->first) + " of")};
    }
    part = parts.erase(part);
  }
  block_part fresh{.bytes = bytes, .label = label};
  fresh.history.add({"allocated", "'" + label + "'", place});
  parts.emplace(begin, std::move(fresh));
  return std::nullopt;
}

std::optional<finding> block_registry::annotate_free(cu_device_ptr begin, std::size_t bytes,
                                                     const std::string& label, stream_place place) {
  const auto block = find(begin);
  const auto part =
      block == nullptr ? decltype(block->parts.find(begin)){} : block->parts.find(begin);
  if (block == nullptr || part == block->parts.end() || part->second.bytes != bytes) {
    return finding{violation_kind::out_of_bounds,
                   explain(begin, bytes, block.get(), "are put back but were not handed out")};
  }
  if (!part->second.is_live) {
    return finding{violation_kind::double_free,
                   explain(begin, bytes, block.get(),
                           "are put back again: " + describe_part(part->second, begin) + " of")};
  }
  frees_are_told_ = true;
  part->second.is_live = false;
  part->second.history.add({"freed", "'" + label + "'", place});
  return std::nullopt;
}

}  // namespace narke::internal::emulation
