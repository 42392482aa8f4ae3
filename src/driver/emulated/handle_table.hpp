// Handles of the emulated driver: numbers that are never given twice, so that a destroyed one is
// known for what it is. Owned by the emulator, which holds its lock around every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

namespace narke::internal::emulation {

/// `Handle` is a pointer type that nobody follows. `kind` tells the handles of one table from
/// those of another.
template <class Handle, class State>
class handle_table {
 public:
  explicit handle_table(std::uintptr_t kind) : next_(kind << 40) {}

  Handle add(std::shared_ptr<State> state) {
    next_ += 16;
    states_.emplace(next_, std::move(state));
    return reinterpret_cast<Handle>(next_);
  }

  /// Null when there is no such handle.
  [[nodiscard]] std::shared_ptr<State> find(Handle handle) const {
    const auto found = states_.find(reinterpret_cast<std::uintptr_t>(handle));
    return found == states_.end() ? nullptr : found->second;
  }

  void remove(Handle handle) { states_.erase(reinterpret_cast<std::uintptr_t>(handle)); }

  /// Whether it was given once.
  [[nodiscard]] bool was_given(Handle handle) const {
    const auto value = reinterpret_cast<std::uintptr_t>(handle);
    return value <= next_ && value >> 40 == next_ >> 40 && value % 16 == 0 && value << 24 != 0;
  }

  [[nodiscard]] std::size_t size() const { return states_.size(); }

  template <class Function>
  void for_each(const Function& function) const {
    for (const auto& [number, state] : states_) function(state);
  }

 private:
  std::uintptr_t next_;
  std::map<std::uintptr_t, std::shared_ptr<State>> states_;  // in order of creation
};

}  // namespace narke::internal::emulation
