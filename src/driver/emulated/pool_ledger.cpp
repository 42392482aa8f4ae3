#include "driver/emulated/pool_ledger.hpp"

#include <algorithm>

namespace narke::internal::emulation {

bool pool_ledger::may_reuse(const freed_bytes& freed, std::uint32_t stream,
                            const stream_knowledge& knowledge) const {
  const record_point& point = *freed.point;
  if (point.stream == stream) return true;
  if (settings.follow_event_dependencies && knowledge.of(point.stream) >= point.sequence) {
    return true;
  }
  return settings.allow_opportunistic && point.is_complete;
}

pool_ledger::taken pool_ledger::take(std::uint64_t bytes, std::uint32_t stream,
                                     const stream_knowledge& knowledge,
                                     std::uint64_t device_free_bytes) {
  std::uint64_t found = std::min(spare_, bytes);
  std::vector<std::list<freed_bytes>::iterator> sources;
  taken result;
  for (const bool with_wait : {false, true}) {
    if (with_wait && !settings.allow_internal_dependencies) break;
    for (auto freed = freed_.begin(); freed != freed_.end() && found < bytes; ++freed) {
      if (may_reuse(*freed, stream, knowledge) == with_wait) continue;
      found += std::min(freed->bytes, bytes - found);
      sources.push_back(freed);
      if (with_wait) result.waits.push_back(freed->point);
    }
  }
  const std::uint64_t grown = (bytes - found + grain_bytes - 1) / grain_bytes * grain_bytes;
  if (grown > device_free_bytes || grown > settings.size_bytes_max - reserved_) return {};
  reserved_ += grown;
  spare_ += grown;

  std::uint64_t missing = bytes;
  for (const auto freed : sources) {
    const std::uint64_t part = std::min(freed->bytes, missing);
    missing -= part;
    freed->bytes -= part;
    if (freed->bytes == 0) freed_.erase(freed);
  }
  spare_ -= missing;
  used_ += bytes;
  used_high_ = std::max(used_high_, used_);
  reserved_high_ = std::max(reserved_high_, reserved_);
  result.is_success = true;
  return result;
}

void pool_ledger::put(std::uint64_t bytes, std::shared_ptr<record_point> point) {
  used_ -= bytes;
  freed_.push_back({bytes, std::move(point)});
}

void pool_ledger::settle() {
  if (!settings.allow_opportunistic) return;
  freed_.remove_if([this](const freed_bytes& freed) {
    if (!freed.point->is_complete) return false;
    spare_ += freed.bytes;
    return true;
  });
}

void pool_ledger::trim(std::uint64_t keep_bytes) {
  if (reserved_ <= keep_bytes) return;
  // Whole grains, the last one that is kept included.
  const std::uint64_t kept = (keep_bytes + grain_bytes - 1) / grain_bytes * grain_bytes;
  std::uint64_t complete = spare_;
  for (const freed_bytes& freed : freed_) {
    if (freed.point->is_complete) complete += freed.bytes;
  }
  const std::uint64_t surplus = reserved_ > kept ? reserved_ - kept : 0;
  std::uint64_t released = std::min(complete, surplus) / grain_bytes * grain_bytes;
  reserved_ -= released;
  const std::uint64_t from_spare = std::min(spare_, released);
  spare_ -= from_spare;
  released -= from_spare;
  for (freed_bytes& freed : freed_) {
    if (!freed.point->is_complete) continue;
    const std::uint64_t part = std::min(freed.bytes, released);
    freed.bytes -= part;
    released -= part;
  }
  freed_.remove_if([](const freed_bytes& freed) { return freed.bytes == 0; });
}

}  // namespace narke::internal::emulation
