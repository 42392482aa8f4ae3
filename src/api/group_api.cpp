#include <atomic>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <narke/detail/stream_core.hpp>
#include <narke/errors.hpp>
#include <narke/placement_group.hpp>

#include "base/forked_child.hpp"
#include "base/ticks.hpp"
#include "runtime/engine.hpp"
#include "task/task_info.hpp"
#include "worker/execute.hpp"
#include "worker/lifecycle.hpp"
#include "worker/placement_lane.hpp"
#include "worker/thread_state.hpp"

namespace narke::detail {

namespace {

/// Ready when the bundles are reserved.
class ready_slot final : public typed_slot<void>, public node_memory {
 private:
  void let_go() noexcept override { delete this; }
};

internal::resource_request request_of(const std::vector<bundle>& bundles,
                                      placement_strategy strategy) {
  std::vector<internal::request_fields> fields;
  for (const bundle& each : bundles) {
    internal::request_fields& its = fields.emplace_back();
    its.num_cpus = each.num_cpus;
    its.num_gpus = each.num_gpus;
    its.gpu_memory = each.gpu_memory;
    its.memory = each.memory;
    its.resources.assign(each.resources.begin(), each.resources.end());
  }
  return internal::make_group_request(fields, static_cast<internal::group_strategy>(strategy));
}

std::string name_of_group(const std::string& name) {
  return name.empty() ? std::string{"the placement group"}
                      : fmt::format("placement group '{}'", name);
}

}  // namespace

/// One placement group: what the lane knows it by, and its handles. Thread-safe.
class group_core {
 public:
  group_core(internal::resource_request request, std::string name)
      : request_{std::move(request)}, name_{std::move(name)}, ready_{new ready_slot} {
    record_.id = internal::next_id();
    record_.request = &request_;
    record_.submitted_ticks = internal::ticks_now();
    record_.for_life = true;
    record_.owner = this;
    record_.keep = [](internal::placement_record& record) noexcept {
      of(record).lane_refs_.fetch_add(1, std::memory_order_relaxed);
    };
    record_.granted = [](internal::placement_record& record) noexcept {
      internal::publish_slot(*of(record).ready_);
      of(record).let_go();
    };
    record_.dropped = [](internal::placement_record& record) noexcept {
      result_slot& ready = *of(record).ready_;
      ready.set_error(internal::dropped_by_shutdown());
      internal::publish_slot(ready);
      of(record).let_go();
    };
    record_.lost = [](internal::placement_record& record) noexcept {
      result_slot& ready = *of(record).ready_;
      ready.set_error(std::make_exception_ptr(device_lost_error{
          of(record).display_name() + " waits for GPUs, and a device that it needs was lost"}));
      internal::publish_slot(ready);
      of(record).let_go();
    };
    record_.over = [](internal::placement_record& record) noexcept { of(record).let_go(); };
  }

  void submit() { internal::placement_lane::instance().submit(record_); }
  void add_ref() noexcept { handles_.fetch_add(1, std::memory_order_relaxed); }
  void release_ref() noexcept {
    if (handles_.fetch_sub(1, std::memory_order_acq_rel) == 1 && !internal::is_forked_child() &&
        !internal::placement_lane::instance().group_released(record_)) {
      let_go();
    }
  }

  [[nodiscard]] std::string display_name() const { return name_of_group(name_); }
  [[nodiscard]] const internal::resource_request& request() const noexcept { return request_; }
  [[nodiscard]] result_slot& ready() const noexcept { return *ready_; }
  [[nodiscard]] std::uint64_t id() const noexcept { return record_.id; }
  [[nodiscard]] std::size_t size() const noexcept { return request_.group->bundles.size(); }
  [[nodiscard]] internal::bundle_place place(std::size_t bundle) const {
    const auto places = internal::placement_lane::instance().places_of(record_.id);
    if (places.empty()) {
      throw error{fmt::format("{} is not reserved, or not any more: get its ready() before",
                              display_name())};
    }
    return places.at(bundle);
  }

 private:
  // Who has its ready() is told, if nobody has told him anything.
  ~group_core() {
    if (!ready_->is_ready()) {
      ready_->set_error(std::make_exception_ptr(
          error{display_name() + " was released before it was reserved: keep a handle until "
                                 "ready() is there"}));
      internal::publish_slot(*ready_);
    }
  }
  void let_go() noexcept {
    if (lane_refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete this;
    }
  }
  static group_core& of(const internal::placement_record& record) noexcept {
    return *static_cast<group_core*>(record.owner);
  }

  const internal::resource_request request_;
  const std::string name_;
  const slot_ptr<result_slot> ready_;
  internal::placement_record record_;
  std::atomic<std::uint32_t> handles_{1};
  // One until it is over, or the lane does not know it; one while the lane tells it something.
  std::atomic<std::uint32_t> lane_refs_{1};
};

void add_ref(group_core& group) noexcept {
  group.add_ref();
}
void release_ref(group_core& group) noexcept {
  group.release_ref();
}

group_core* make_group(const std::vector<bundle>& bundles, const placement_group_options& options) {
  internal::resource_request request = request_of(bundles, options.strategy);
  internal::ensure_running("placement_group");
  internal::check_feasible(request, name_of_group(options.name));
  auto* group = new group_core{std::move(request), options.name};
  group->submit();
  return group;
}

result_slot* group_ready_slot(group_core& group) noexcept {
  group.ready().add_ref();
  return &group.ready();
}
std::size_t group_size(const group_core& group) noexcept {
  return group.size();
}
std::uint64_t group_id(const group_core& group) noexcept {
  return group.id();
}

std::vector<int> group_gpu_ids(const group_core& group, std::size_t bundle) {
  std::vector<int> ids;
  const auto settings = internal::current_settings();
  for (const int index : group.place(bundle).gpus) {
    ids.push_back(settings->totals.gpus[static_cast<std::size_t>(index)].id);
  }
  return ids;
}
int group_numa_node(const group_core& group, std::size_t bundle) {
  return group.place(bundle).numa_node;
}

void throw_bad_bundle(const group_core* group, const char* call, double index) {
  if (group == nullptr) {
    throw std::invalid_argument{fmt::format(
        "narke::placement_group: {}: the handle is empty. Make a group from its bundles", call)};
  }
  throw std::invalid_argument{
      fmt::format("narke::placement_group: {}: there is no bundle {}; {} "
                  "has {} of them, from 0",
                  call, index, group->display_name(), group->size())};
}

}  // namespace narke::detail
