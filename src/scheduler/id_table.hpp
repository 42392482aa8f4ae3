// Things by their id: an open-addressing table of ids in front of slots that stay where they are
// and are used again, so that adding and removing one costs no allocation once the table has grown.
// Part of the placement core; same owner, no locks.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace narke::internal {

/// Requires of T: it can be made without arguments and moved; a moved-from one holds no memory.
template <typename T>
class id_table {
 public:
  /// Its address holds until it is taken.
  [[nodiscard]] T* find(std::uint64_t id) const {
    const std::size_t at = cell_of(id);
    return at == nowhere ? nullptr : &slot(cells_[at].slot);
  }

  /// Requires: the id is not there.
  T& add(std::uint64_t id, T value) {
    T& place = add(id);
    place = std::move(value);
    return place;
  }
  /// The same, with whatever the last one that was taken or dropped from its place left there.
  T& add(std::uint64_t id) {
    if ((size_ + 1) * 2 > cells_.size()) {
      grow();
    }
    const std::uint32_t index = free_slot();
    insert_cell({.id = id, .slot = index, .is_used = true});
    ++size_;
    return slot(index);
  }

  /// Requires: the id is there.
  T take(std::uint64_t id) {
    T taken = std::move(*find(id));
    drop(id);
    return taken;
  }
  /// Leaves what is there as it is. Requires: the id is there.
  void drop(std::uint64_t id) {
    const std::size_t at = cell_of(id);
    free_.push_back(cells_[at].slot);
    erase_cell(at);
    if (--size_ == 0 && slot_count_ > kept_slots) {
      *this = id_table{};
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& each : cells_) {
      if (each.is_used) {
        visit(each.id, slot(each.slot));
      }
    }
  }

 private:
  struct cell {
    std::uint64_t id = 0;
    std::uint32_t slot = 0;
    bool is_used = false;
  };
  static constexpr std::size_t nowhere = SIZE_MAX;
  static constexpr std::size_t chunk_bits = 6;
  static constexpr std::size_t chunk_slots = std::size_t{1} << chunk_bits;
  static constexpr std::size_t kept_slots = 4096;  // an empty table gives more than this back
  static constexpr std::size_t cells_min = 16;

  T& slot(std::uint32_t index) const {
    return chunks_[index >> chunk_bits][index & (chunk_slots - 1)];
  }

  std::uint32_t free_slot() {
    if (free_.empty()) {
      if ((slot_count_ & (chunk_slots - 1)) == 0) {
        chunks_.push_back(std::make_unique<T[]>(chunk_slots));
      }
      return slot_count_++;
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }

  // Neighbouring ids land far from each other.
  [[nodiscard]] std::size_t home(std::uint64_t id) const {
    return static_cast<std::size_t>((id * 0x9e3779b97f4a7c15ULL) >> shift_);
  }
  [[nodiscard]] std::size_t after(std::size_t at) const { return (at + 1) & (cells_.size() - 1); }

  [[nodiscard]] std::size_t cell_of(std::uint64_t id) const {
    if (cells_.empty()) {
      return nowhere;
    }
    std::size_t at = home(id);
    while (cells_[at].is_used && cells_[at].id != id) {
      at = after(at);
    }
    return cells_[at].is_used ? at : nowhere;
  }

  void insert_cell(const cell& wanted) {
    std::size_t at = home(wanted.id);
    while (cells_[at].is_used) {
      at = after(at);
    }
    cells_[at] = wanted;
  }

  // What stands behind the hole and may not have a hole before it moves up.
  void erase_cell(std::size_t hole) {
    for (std::size_t at = after(hole); cells_[at].is_used; at = after(at)) {
      const std::size_t mask = cells_.size() - 1;
      const std::size_t from_home = (at - home(cells_[at].id)) & mask;
      if (from_home >= ((at - hole) & mask)) {
        cells_[hole] = cells_[at];
        hole = at;
      }
    }
    cells_[hole].is_used = false;
  }

  void grow() {
    const std::size_t count = cells_.empty() ? cells_min : cells_.size() * 2;
    const std::vector<cell> before = std::exchange(cells_, std::vector<cell>(count));
    shift_ = 64 - std::countr_zero(count);
    for (const auto& each : before) {
      if (each.is_used) {
        insert_cell(each);
      }
    }
  }

  std::vector<cell> cells_;  // a power of two of them, at most half used
  int shift_ = 64;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::uint32_t slot_count_ = 0;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace narke::internal
