// GPU tasks between the placement lane, which gives them a share of a device, and the GPU engine,
// which calls their bodies in stream order and sees their ends. The engine's half of a task is made
// when the task is ready, and lives as long as its node.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <narke/detail/task_node.hpp>

#include "device/gpu_engine.hpp"
#include "worker/placement_lane.hpp"

namespace narke::internal {

/// Whether any GPU task was ever made in this process. Who has a ref to one sees that.
inline constinit std::atomic<bool> gpu_tasks_exist{false};
/// A GPU task was made. Before anybody else can see the node.
void announce_gpu_task(detail::task_node& node) noexcept;
/// A GPU task whose inputs are ordered, on its way to the placement lane. Takes over one reference.
void submit_gpu_task(detail::task_node& node) noexcept;

/// Runs a GPU method of an actor, and waits until its work is enqueued; the results are published
/// when it is complete. `share`: the actor's own, so that its methods follow each other; `gpus`:
/// the actor's, null for none. Requires: claimed. Takes over one reference.
void run_gpu_call(detail::task_node& node, std::uint64_t share,
                  std::shared_ptr<const granted_gpus> gpus) noexcept;

/// Before it is asked whether there is a GPU at all.
void look_gpus_up() noexcept;

/// Connects the engine with the layers above it. Once, when the runtime first starts. `know_gpus`
/// looks the GPUs up when that was not done yet.
void connect_gpu_engine(void (*know_gpus)() noexcept) noexcept;
/// The GPUs that a GPU task of the placement lane ran on, by their places. Requires: its results
/// are there, and the caller has a reference to it.
std::vector<int> gpu_devices_of(const detail::task_node& node);

}  // namespace narke::internal
