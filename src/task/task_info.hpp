// What the options of a task handle mean, checked once: shared by all tasks of the handle, never
// changed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <narke/detail/parameter.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/options.hpp>

#include "resources/resource_request.hpp"
#include "task/task_rules.hpp"

namespace narke::detail {

class task_info {
 public:
  /// Throws std::invalid_argument naming a bad field, narke::error for an option that is not there
  /// yet.
  explicit task_info(const task_options& options, task_place place = task_place::cpu);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The name as the trace keeps it: it lives for ever.
  [[nodiscard]] const char* trace_name() const noexcept;
  [[nodiscard]] const internal::resource_request& request() const noexcept { return request_; }
  [[nodiscard]] task_lane lane() const noexcept { return lane_; }
  /// Its body runs in a worker process.
  [[nodiscard]] bool is_isolated() const noexcept { return is_isolated_; }
  [[nodiscard]] std::size_t stream_buffer() const noexcept { return stream_buffer_; }
  /// What the options say beyond resources; null when they say nothing. Its count changes.
  [[nodiscard]] internal::task_rules* rules() const noexcept { return rules_.get(); }
  /// Higher first.
  [[nodiscard]] std::int64_t priority() const noexcept { return priority_; }
  /// For which start of the runtime the request was found feasible; 0: none.
  [[nodiscard]] std::uint32_t feasible_in() const noexcept {
    return feasible_in_.load(std::memory_order_relaxed);
  }
  void set_feasible_in(std::uint32_t start) const noexcept {
    feasible_in_.store(start, std::memory_order_relaxed);
  }

 private:
  friend void add_ref(const task_info& info) noexcept;
  friend void release_ref(const task_info& info) noexcept;

  const std::string name_;
  const internal::resource_request request_;
  const std::int64_t priority_;
  const task_lane lane_;
  const std::unique_ptr<internal::task_rules> rules_;
  const bool is_isolated_;
  const std::size_t stream_buffer_;
  mutable std::atomic<std::uint32_t> refs_{1};
  mutable std::atomic<std::uint32_t> feasible_in_{0};  // written by submitters, each with the same
  mutable std::atomic<const char*> trace_name_{
      nullptr};  // looked up once, by whoever needs it first
};

}  // namespace narke::detail

namespace narke::internal {

/// How messages call a task: its name in quotes, else the file and line of its `remote`.
std::string display_name(const detail::task_node& node);
/// The name alone: what the user gave, else "file.cpp:42".
std::string plain_name(const detail::task_node& node);

/// The fields of task_options and actor_options that ask for resources, checked. `cpus_unset`
/// stands for no num_cpus.
template <class Options>
resource_request request_from(const Options& options, double cpus_unset) {
  request_fields fields;
  fields.num_cpus = options.num_cpus ? static_cast<double>(*options.num_cpus) : cpus_unset;
  fields.num_gpus = options.num_gpus;
  fields.gpu_memory = options.gpu_memory;
  fields.memory = options.memory;
  fields.resources.assign(options.resources.begin(), options.resources.end());
  resource_request request = make_request(fields);
  if (options.scheduling.kind() == scheduling::wish::bundle) {
    request.in_group = options.scheduling.group_id();
    request.bundle = options.scheduling.index();
  }
  return request;
}

/// How many values of a stream may wait to be taken. Throws std::invalid_argument.
std::size_t stream_buffer_from(double values);
/// Throws narke::error: `field` was set to something that this version does not do.
[[noreturn]] void throw_not_there_yet(std::string_view field, std::string_view value,
                                      std::string_view instead);
/// Throws std::invalid_argument unless `value` is whole and within [least, most].
void check_whole(std::string_view field, double value, double least, double most);

}  // namespace narke::internal
