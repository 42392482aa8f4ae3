// The placement core, made usable by threads: one mutex around it, and what it decides carried out.
// One lane a process.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <narke/detail/task_node.hpp>

#include "base/adaptive_mutex.hpp"
#include "base/short_list.hpp"
#include "resources/resource_request.hpp"
#include "scheduler/id_table.hpp"
#include "scheduler/placement_core.hpp"

namespace narke::internal {

/// The GPUs of one allocation. Shared by all tasks that take a share over.
struct granted_gpus {
  std::vector<int> ids;
  std::vector<int> indices;  ///< places in resource_totals::gpus
};

/// One request to the lane. Owned by the task or the actor that it is for; it stays where it is
/// until it has finished.
struct placement_record {
  ticket_id id = 0;  ///< unique in this process: the task's, or one of the actor's own
  const resource_request* request = nullptr;
  std::uint64_t submitted_ticks = 0;
  std::int64_t priority = 0;
  bool for_life = false;
  /// What to run once the request is granted; null: `granted` is called instead.
  detail::runnable* item = nullptr;
  /// Called, outside every lock, when the request was granted. Runs on the thread that made room.
  void (*granted)(placement_record& record) noexcept = nullptr;
  /// Called, outside every lock, when shutdown drops a request that waits.
  void (*dropped)(placement_record& record) noexcept = nullptr;
  /// Called, outside every lock, when what the request needs is gone for ever: a device was lost,
  /// or a placement group released. Null: `dropped`.
  void (*lost)(placement_record& record) noexcept = nullptr;
  /// A granted request lost one of its GPUs. `keep` is called under the lane's lock, so that the
  /// owner is still there for `gpu_lost`, which is called outside of it. Null: it does not matter.
  void (*keep)(placement_record& record) noexcept = nullptr;
  void (*gpu_lost)(placement_record& record) noexcept = nullptr;
  void* owner = nullptr;
  detail::task_node* task = nullptr;  ///< when it is a task's
  /// Of a placement group. Called, outside every lock, when it was released and is over. Another
  /// thread may be about to tell it that it was granted, or lost: before each of these `keep` is
  /// called, under the lane's lock.
  void (*over)(placement_record& record) noexcept = nullptr;
  std::shared_ptr<const granted_gpus> gpus;  ///< once granted
  int numa_node = -1;                        ///< once granted; -1: any

  // Of GPU tasks, whose bodies only enqueue work.
  bool in_stream_order = false;
  input_bytes inputs = {};
  ticket_id follows = 0;
  share_id share = 0;  ///< once granted

  /// Null: it has none.
  [[nodiscard]] const std::vector<int>* gpu_ids() const noexcept {
    return gpus != nullptr ? &gpus->ids : nullptr;
  }
};

/// What is in use beside the fast lane.
struct placement_usage {
  resource_amounts available;
  double cpus_in_use = 0;
  std::size_t pending = 0;
  std::size_t running = 0;
};

/// What there is to tell of one request.
struct placement_story {
  ticket_explanation explained;
  std::map<ticket_id, std::string> actors;  ///< of the holders and of who is in front
  std::vector<int> gpu_ids;                 ///< once granted
};

class placement_lane {
 public:
  static placement_lane& instance() noexcept {
    placement_lane* const lane = the_lane.load(std::memory_order_acquire);
    return lane != nullptr ? *lane : make();
  }

  /// Requires: nothing pending or running.
  void configure(const resource_totals& totals);
  /// The GPUs of `totals`, and what it has by name beside, once they are known. Requires:
  /// configured without GPUs.
  void add_gpus(const resource_totals& totals);
  /// Why this machine can never do that; nullopt when it can. Before the first configure: nullopt.
  [[nodiscard]] std::optional<std::string> infeasible_reason(const resource_request& request);

  void submit(placement_record& record) noexcept;
  /// The record of that id, when it waits: it is then out of the lane. Null when it does not.
  [[nodiscard]] placement_record* withdraw(ticket_id id) noexcept;
  /// Returns an item that got room by it and is best run next by this thread, without a permit; or
  /// null.
  [[nodiscard]] detail::runnable* finished_next(placement_record& record) noexcept;
  void finished(placement_record& record) noexcept;
  /// A GPU task's work is enqueued: another may follow it on its share. Told before those who wait
  /// for its results are made ready, the first of them finds the share at once; but then nobody may
  /// be waiting already who is younger: false, and nothing has happened.
  [[nodiscard]] bool ordered_if_nothing_waits(const placement_record& record) noexcept;
  void ordered(const placement_record& record) noexcept;
  /// A GPU, by its place in resource_totals::gpus, is lost. Requests that can never be met any more
  /// are told by `lost`.
  void device_lost(int gpu_index) noexcept;
  /// The handles of a placement group are gone. False when the lane does not know it, or not any
  /// more; else `over` follows.
  bool group_released(placement_record& record) noexcept;
  /// Where the bundles of a group are; empty before it was granted.
  [[nodiscard]] std::vector<bundle_place> places_of(ticket_id group);
  void blocked(placement_record& record) noexcept;
  void unblocked(placement_record& record) noexcept;
  /// A worker hands its permit over. Returns an item as finished_next does.
  [[nodiscard]] detail::runnable* offer_permit() noexcept;
  /// Takes permits that are free, if it wants some. After permits were put back.
  void poll() noexcept;
  /// Everything that waits is dropped.
  void drop_pending() noexcept;
  /// The tasks that wait and for which `is_wanted` says so, each with a reference for the caller.
  /// Called under the lock.
  [[nodiscard]] std::vector<detail::task_node*> pending_tasks(
      bool (*is_wanted)(const detail::task_node& task));

  /// When the request that wants CPUs was submitted; no_ticks when none does. One relaxed load: for
  /// between two tasks.
  [[nodiscard]] std::uint64_t head_ticks() const noexcept {
    return head_ticks_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool wants_permits() const noexcept {
    return head_ticks_.load(std::memory_order_seq_cst) != no_ticks;
  }
  [[nodiscard]] placement_usage usage();
  /// Of the request of that id: why it waits, or what it was given.
  [[nodiscard]] placement_story story(ticket_id id);
  /// Why a request waits.
  [[nodiscard]] ticket_explanation explain(ticket_id id);

 private:
  static placement_lane& make() noexcept;
  static constinit std::atomic<placement_lane*> the_lane;  // written once

  struct decisions {
    short_list<placement_record*, 4> granted;
    std::vector<placement_record*> lost;  // what they need is gone for ever
    std::vector<placement_record*> over;  // groups
    int permits_to_return = 0;
  };

  template <class Event>
  void handle(Event&& event, detail::runnable** next = nullptr) noexcept;
  template <class Event>
  void handle(Event&& event, std::optional<std::uint64_t> fast_lane_head,
              detail::runnable** next) noexcept;
  [[nodiscard]] bool is_settled_locked() const noexcept;
  [[nodiscard]] ticket_explanation explained_locked(ticket_id id) const;
  void decide_locked(decisions& made, std::uint64_t fast_lane_head);
  void step_locked(decisions& made, std::uint64_t fast_lane_head);
  void note_assigned_locked(placement_record& record, const assignment& made);
  [[nodiscard]] bool try_follow(placement_record& record) noexcept;
  static void carry_out(const decisions& made, detail::runnable** next) noexcept;

  // Written under the mutex; read by workers. Below what it was when the fast lane's tasks were
  // submitted, a worker hands its permit over.
  std::atomic<std::uint64_t> head_ticks_{no_ticks};

  [[nodiscard]] std::shared_ptr<const granted_gpus> gpus_of(const assignment& made);

  adaptive_mutex mutex_;
  std::unique_ptr<placement_core> core_;  // guarded by mutex_
  id_table<placement_record*> records_;   // guarded by mutex_: pending and running
  struct known_share {
    share_id share = 0;
    std::shared_ptr<const granted_gpus> gpus;
  };
  std::array<known_share, 16> known_shares_;  // guarded by mutex_: of late, by the number of each
};

}  // namespace narke::internal
