// The options of init, task, actor and wait: aggregates for designated initializers, fields in a
// fixed order, each with its default. Numbers take any arithmetic type and durations any
// std::chrono duration, without narrowing. Nothing is checked here: the call that takes the options
// checks them and names the field that is wrong.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>

namespace narke {

/// A number of any arithmetic type, kept as a double: exact for whole numbers up to 2^53.
class number {
 public:
  constexpr number() noexcept = default;
  template <class Arithmetic>
  requires std::is_arithmetic_v<Arithmetic>
  constexpr number(Arithmetic value) noexcept : value_{static_cast<double>(value)} {}

  constexpr operator double() const noexcept { return value_; }

 private:
  double value_ = 0;
};

/// A duration of any std::chrono type, or none. Kept in nanoseconds; what is longer than that can
/// hold means for ever.
class time_limit {
 public:
  constexpr time_limit() noexcept = default;
  constexpr time_limit(std::nullopt_t) noexcept {}
  template <class Rep, class Period>
  constexpr time_limit(std::chrono::duration<Rep, Period> duration) noexcept
      : set_{true},
        nanoseconds_{saturated(std::chrono::duration<double, std::nano>{duration}.count())} {
    if constexpr (std::is_integral_v<Rep>) {
      if (nanoseconds_ != std::numeric_limits<std::int64_t>::max()) {
        nanoseconds_ = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
      }
    }
  }

  [[nodiscard]] constexpr bool has_value() const noexcept { return set_; }
  /// No limit counts as the longest duration there is.
  [[nodiscard]] constexpr std::chrono::nanoseconds value() const noexcept {
    return std::chrono::nanoseconds{set_ ? nanoseconds_ : std::numeric_limits<std::int64_t>::max()};
  }

 private:
  // Requires a decision for NaN, which no comparison makes: it becomes the smallest number, which
  // every check refuses.
  static constexpr std::int64_t saturated(double nanoseconds) noexcept {
    constexpr double limit = 9.2e18;
    if (nanoseconds >= limit) {
      return std::numeric_limits<std::int64_t>::max();
    }
    return nanoseconds > -limit ? static_cast<std::int64_t>(nanoseconds)
                                : std::numeric_limits<std::int64_t>::min();
  }

  bool set_ = false;
  std::int64_t nanoseconds_ = 0;
};

/// Quantities of custom resources by name.
using resource_map = std::map<std::string, number>;

class placement_group;

/// Where a task would like to run.
class scheduling {
 public:
  enum class wish : std::uint8_t { automatic, spread, numa_node, gpu, bundle };

  static constexpr scheduling automatic() noexcept { return scheduling{wish::automatic, -1}; }
  static constexpr scheduling spread() noexcept { return scheduling{wish::spread, -1}; }
  static constexpr scheduling numa_node(int node) noexcept {
    return scheduling{wish::numa_node, node};
  }
  static constexpr scheduling gpu(int id) noexcept { return scheduling{wish::gpu, id}; }

  /// In a bundle of a placement group, on what it has reserved. Does not keep the group: do so
  /// while you submit. Throws std::invalid_argument for an empty group, or an index it has not.
  static scheduling bundle(const placement_group& group, int index);

  [[nodiscard]] constexpr wish kind() const noexcept { return kind_; }
  [[nodiscard]] constexpr int index() const noexcept { return index_; }
  /// The group of a bundle; 0 for none.
  [[nodiscard]] constexpr std::uint64_t group_id() const noexcept { return group_id_; }
  friend constexpr bool operator==(const scheduling&, const scheduling&) noexcept = default;

 private:
  constexpr scheduling(wish kind, int index, std::uint64_t group_id = 0) noexcept
      : kind_{kind}, index_{index}, group_id_{group_id} {}
  wish kind_;
  int index_;
  std::uint64_t group_id_;
};

/// Where the body of a task runs: on a thread of this process, or in a process of its own.
enum class isolation : std::uint8_t { thread, process };

/// Whether an actor dies with its last handle or lives until it is killed.
enum class actor_lifetime : std::uint8_t { non_detached, detached };

struct task_options {
  std::optional<number> num_cpus = {};  ///< unset: 1 for CPU tasks, 0 for GPU tasks
  number num_gpus = 0;                  ///< below 1: a share of one GPU; above 1: whole
  number gpu_memory = 0;                ///< bytes on each GPU
  number memory = 0;                    ///< bytes of host memory
  resource_map resources = {};
  std::string name = {};
  number priority = 0;
  number max_retries = 0;
  bool retry_exceptions = false;
  time_limit timeout = {};
  narke::scheduling scheduling = narke::scheduling::automatic();
  narke::isolation isolation = narke::isolation::thread;
  number stream_buffer = 64;  ///< of a generator: values that may wait to be taken; -1: all
};

struct actor_options {
  std::optional<number> num_cpus =
      {};  ///< unset: 0 while idle, 1 while a method runs; set: held for life
  number num_gpus = 0;
  number gpu_memory = 0;  ///< bytes on each GPU
  number memory = 0;      ///< bytes of host memory
  resource_map resources = {};
  std::string name = {};
  number max_restarts = 0;
  number max_task_retries = 0;
  number max_concurrency = 1;
  number max_pending_calls = -1;
  actor_lifetime lifetime = actor_lifetime::non_detached;
  bool get_if_exists = false;
  narke::isolation isolation = narke::isolation::thread;
  resource_map concurrency_groups = {};  ///< by name: how many methods of each may run at once
  narke::scheduling scheduling = narke::scheduling::automatic();
};

/// Of the calls of one method.
struct call_options {
  /// Which of the actor's concurrency_groups runs it; empty: its own group, of max_concurrency.
  std::string concurrency_group = {};
  std::optional<number> max_task_retries = {};  ///< unset: the actor's
  number stream_buffer = 64;  ///< of a generator: values that may wait to be taken; -1: all
};

/// GPUs that exist only in this process. Given, they replace the real ones.
struct emulated_gpu_options {
  std::optional<number> count = {};
  std::optional<number> memory_bytes = {};  ///< of each
};

/// Unset fields take the value of the environment variable NARKE_<FIELD>, then the default.
struct runtime_options {
  std::optional<number> num_cpus = {};
  std::optional<number> num_gpus = {};
  resource_map resources = {};
  std::optional<number> object_store_memory =
      {};  ///< bytes; default 30 % of what this process may use
  std::string object_spilling_directory = {};
  emulated_gpu_options emulated_gpus = {};
  std::string logging_level = {};  ///< trace, debug, info, warning, error or off
  std::optional<bool> advisor = {};
  std::optional<bool> tracing = {};
};

struct wait_options {
  number num_returns = 1;
  time_limit timeout = {};
};

}  // namespace narke
