// A counted pointer to the options that the tasks of a handle share. Null when no options were
// given: such a task costs no count. Never null for a GPU task.
#pragma once

#include <exception>
#include <utility>

#include <narke/detail/parameter.hpp>
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
  /// not there yet. For a GPU task num_gpus 0 means 1, and num_cpus unset means 0.
  explicit task_info_ref(const task_options& options, task_place place = task_place::cpu);
  explicit task_info_ref(const task_info& shared) noexcept : info_{&shared} { add_ref(shared); }
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

/// Of a GPU task for which no options were given.
NARKE_EXPORT const task_info& default_gpu_info();

/// The options of a callable of which nobody knows before its arguments whether it is a GPU task.
class NARKE_EXPORT either_info {
 public:
  /// Without options.
  either_info() noexcept = default;
  /// Throws when the options are bad for both.
  explicit either_info(const task_options& options);

  /// Throws when the options are bad for a CPU task.
  [[nodiscard]] const task_info* for_cpu() const {
    if (cpu_refusal_) [[unlikely]] {
      std::rethrow_exception(cpu_refusal_);
    }
    return cpu_.get();
  }
  /// Throws when they are bad for a GPU task.
  [[nodiscard]] const task_info* for_gpu() const {
    if (gpu_refusal_) [[unlikely]] {
      std::rethrow_exception(gpu_refusal_);
    }
    return gpu_.get() != nullptr ? gpu_.get() : &default_gpu_info();
  }

 private:
  task_info_ref cpu_;
  task_info_ref gpu_;
  std::exception_ptr cpu_refusal_;
  std::exception_ptr gpu_refusal_;
};

}  // namespace narke::detail
