// GPU tasks between the placement lane, which gives them a share of a device, and the GPU engine,
// which calls their bodies in stream order and sees their ends. The engine's half of a task is made
// when the task is submitted, and lives as long as its node.
#pragma once

#include <cstdint>
#include <vector>

#include <narke/detail/task_node.hpp>

#include "device/gpu_engine.hpp"

namespace narke::internal {

/// Makes the engine's half. Before anybody else can see the node.
void attach_gpu_task(detail::task_node& node) noexcept;
/// A GPU task whose inputs are ordered, on its way to the placement lane. Takes over one reference.
void submit_gpu_task(detail::task_node& node) noexcept;

/// The GPUs of an actor.
struct gpu_call_place {
  std::uint64_t share = 0;  ///< the actor's own: its methods follow each other
  const std::vector<int>* gpu_ids = nullptr;
  const std::vector<int>& gpu_indices;
};
/// Runs a GPU method of an actor, and waits until its work is enqueued; the results are published
/// when it is complete. Requires: claimed. Takes over one reference.
void run_gpu_call(detail::task_node& node, const gpu_call_place& place) noexcept;

/// Connects the engine with the layers above it. Once, when the runtime first starts.
void connect_gpu_engine() noexcept;

}  // namespace narke::internal
