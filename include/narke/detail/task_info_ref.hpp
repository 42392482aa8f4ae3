// A counted pointer to the options that the tasks of a handle share. Null when no options were
// given: such a task costs no count.
#pragma once

#include <utility>

#include <narke/detail/task_node.hpp>
#include <narke/export.hpp>

namespace narke {
struct task_options;
}

namespace narke::detail {

class NARKE_EXPORT task_info_ref {
 public:
  task_info_ref() noexcept = default;
  /// Checks the options: std::invalid_argument names a bad field, narke::error an option that is
  /// not there yet.
  explicit task_info_ref(const task_options& options);
  task_info_ref(const task_info_ref& other) noexcept : info_{other.info_} {
    if (info_ != nullptr) {
      add_ref(*info_);
    }
  }
  task_info_ref(task_info_ref&& other) noexcept : info_{std::exchange(other.info_, nullptr)} {}
  task_info_ref& operator=(task_info_ref other) noexcept {
    std::swap(info_, other.info_);
    return *this;
  }
  ~task_info_ref() {
    if (info_ != nullptr) {
      release_ref(*info_);
    }
  }
  [[nodiscard]] const task_info* get() const noexcept { return info_; }

 private:
  const task_info* info_ = nullptr;
};

}  // namespace narke::detail
