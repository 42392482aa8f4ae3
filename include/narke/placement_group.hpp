// Placement groups: several requests for resources, the *bundles*, reserved all at once or not at
// all, and close together or apart as the strategy says. Tasks and actors are then placed into a
// bundle by scheduling::bundle, and run on what it has and nothing else.
//
//   narke::placement_group group{{{.num_cpus = 2, .num_gpus = 1}, {.num_cpus = 2, .num_gpus = 1}},
//                                {.strategy = narke::placement_strategy::strict_pack}};
//   narke::task(f, {.num_gpus = 1, .scheduling = narke::scheduling::bundle(group, 0)}).remote();
//
// Two kinds of places are told apart: a GPU, for a bundle that asks for GPUs, and a NUMA node, for
// one that does not. CPU tasks in a bundle that lies on one NUMA node run on the CPUs of that node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <narke/export.hpp>
#include <narke/object_ref.hpp>
#include <narke/options.hpp>

namespace narke {

/// What one bundle holds. As in task_options, but that nothing has a default.
struct bundle {
  number num_cpus = 0;
  number num_gpus = 0;    ///< below 1: a share of one GPU; above 1: whole
  number gpu_memory = 0;  ///< bytes on each GPU; 0: as much as its tasks find
  number memory = 0;      ///< bytes of host memory
  resource_map resources = {};
};

enum class placement_strategy : std::uint8_t {
  pack,           ///< on one NUMA node and few GPUs when it can be had, else anywhere
  spread,         ///< no two bundles on one place when it can be had, else as far apart as possible
  strict_pack,    ///< on one NUMA node and few GPUs, or not at all
  strict_spread,  ///< no two bundles on one place, or not at all
};

struct placement_group_options {
  placement_strategy strategy = placement_strategy::pack;
  std::string name = {};  ///< for messages
};

namespace detail {
class group_core;
NARKE_EXPORT void add_ref(group_core& group) noexcept;
NARKE_EXPORT void release_ref(group_core& group) noexcept;
NARKE_EXPORT group_core* make_group(const std::vector<bundle>& bundles,
                                    const placement_group_options& options);
NARKE_EXPORT result_slot* group_ready_slot(group_core& group) noexcept;
NARKE_EXPORT std::size_t group_size(const group_core& group) noexcept;
NARKE_EXPORT std::uint64_t group_id(const group_core& group) noexcept;
NARKE_EXPORT std::vector<int> group_gpu_ids(const group_core& group, std::size_t bundle);
NARKE_EXPORT int group_numa_node(const group_core& group, std::size_t bundle);
[[noreturn]] NARKE_EXPORT void throw_bad_bundle(const group_core* group, const char* call,
                                                double index);
}  // namespace detail

/// A handle to a group, like a shared_ptr; empty by default. The group is released when the last
/// handle is gone and nothing that was placed into it waits or runs. Any thread.
class placement_group {
 public:
  placement_group() noexcept = default;
  /// Asks for the bundles and returns at once; tasks may be placed into them at once too, and wait
  /// with the group. Throws std::invalid_argument for a bad bundle or none, infeasible_request when
  /// this machine can never have them so, and as a task's remote.
  explicit placement_group(const std::vector<bundle>& bundles,
                           const placement_group_options& options = {})
      : core_{detail::make_group(bundles, options)} {}
  placement_group(const placement_group& other) noexcept : core_{other.core_} {
    if (core_ != nullptr) {
      detail::add_ref(*core_);
    }
  }
  placement_group(placement_group&& other) noexcept : core_{std::exchange(other.core_, nullptr)} {}
  placement_group& operator=(placement_group other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~placement_group() {
    if (core_ != nullptr) {
      detail::release_ref(*core_);
    }
  }

  /// A ref that is ready when the bundles are reserved; get throws task_cancelled_error when the
  /// runtime is shut down before.
  [[nodiscard]] object_ref<void> ready() const {
    detail::result_slot* slot = detail::group_ready_slot(checked("ready", 0));
    return detail::ref_access::adopt<void>(*slot);
  }
  /// How many bundles there are; 0 when this is empty.
  [[nodiscard]] std::size_t size() const noexcept {
    return core_ != nullptr ? detail::group_size(*core_) : 0;
  }
  /// The GPUs of a bundle. Throws narke::error before ready(), std::invalid_argument for an index
  /// that it has not.
  [[nodiscard]] std::vector<int> gpu_ids(std::size_t bundle) const {
    return detail::group_gpu_ids(checked("gpu_ids", static_cast<double>(bundle)), bundle);
  }
  /// The NUMA node of a bundle, -1 when it lies on several or the machine has none. Throws as
  /// gpu_ids.
  [[nodiscard]] int numa_node(std::size_t bundle) const {
    return detail::group_numa_node(checked("numa_node", static_cast<double>(bundle)), bundle);
  }

  explicit operator bool() const noexcept { return core_ != nullptr; }
  friend bool operator==(const placement_group& a, const placement_group& b) noexcept {
    return a.core_ == b.core_;
  }

 private:
  friend class scheduling;

  detail::group_core& checked(const char* call, double index) const {
    if (!(index >= 0 && index < static_cast<double>(size()))) [[unlikely]] {
      detail::throw_bad_bundle(core_, call, index);
    }
    return *core_;
  }

  detail::group_core* core_ = nullptr;
};

inline scheduling scheduling::bundle(const placement_group& group, int index) {
  return scheduling{wish::bundle, index,
                    detail::group_id(group.checked("scheduling::bundle", index))};
}

}  // namespace narke
