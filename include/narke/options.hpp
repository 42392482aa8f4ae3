// The options of init, task, actor and wait: aggregates for designated initializers, fields in a
// fixed order, each with its default. Numbers take any arithmetic type and durations any
// std::chrono duration, without narrowing. Nothing is checked here: the call that takes the options
// checks them and names the field that is wrong.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

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

/// Which exceptions of its body are worth another attempt at a task: none (false), all (true),
/// those for which a predicate `bool(const std::exception_ptr&)` says so, or those of
/// retry_on<E...>(). The predicate is called on the thread that ran the body, of several tasks at
/// once; one that throws says no. A task that was cancelled or timed out is never tried again; that
/// a worker crashed or a device was lost always is, as long as max_retries allows.
class retry_rule {
 public:
  retry_rule() noexcept = default;
  template <std::same_as<bool> Bool>
  retry_rule(Bool all) noexcept : all_{all} {}
  template <class Predicate>
  requires(!std::same_as<std::remove_cvref_t<Predicate>, bool> &&
           !std::same_as<std::remove_cvref_t<Predicate>, retry_rule> &&
           std::is_invocable_r_v<bool, const std::decay_t<Predicate>&, const std::exception_ptr&>)
      retry_rule(Predicate&& predicate)
      : predicate_{std::forward<Predicate>(predicate)} {}

  [[nodiscard]] bool is_never() const noexcept { return !all_ && predicate_ == nullptr; }
  [[nodiscard]] bool wants(const std::exception_ptr& error) const {
    return all_ || (predicate_ != nullptr && predicate_(error));
  }

 private:
  bool all_ = false;
  std::function<bool(const std::exception_ptr&)> predicate_;
};

/// Exceptions of these types, and what derives from them, are worth another attempt.
template <class... Errors>
retry_rule retry_on() {
  static_assert(sizeof...(Errors) > 0, "narke::retry_on: name at least one type of exception");
  return [](const std::exception_ptr& error) {
    const auto is_one = [&]<class E>(std::type_identity<E>) {
      try {
        std::rethrow_exception(error);
      } catch (const E&) {
        return true;
      } catch (...) {
        return false;
      }
    };
    return (false || ... || is_one(std::type_identity<Errors>{}));
  };
}

/// What `remote` does when a handle has as many unfinished tasks as it may: waits until one has
/// finished, or throws pending_limit_error.
enum class when_full : std::uint8_t { wait, fail };

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
  number priority = 0;     ///< higher first; below 0: when nothing else is to do
  number max_retries = 0;  ///< further attempts; -1: without a limit
  retry_rule retry_exceptions = false;
  time_limit timeout = {};  ///< of each attempt, from its start
  narke::scheduling scheduling = narke::scheduling::automatic();
  narke::isolation isolation = narke::isolation::thread;
  number stream_buffer = 64;  ///< of a generator: values that may wait to be taken; -1: all
  /// Before the second attempt; twice as long before each further one, up to 30 s or what is given.
  time_limit retry_delay = std::chrono::milliseconds{10};
  number max_pending = -1;  ///< tasks of this handle and its copies that are not finished; -1: any
  narke::when_full when_full = narke::when_full::wait;
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
