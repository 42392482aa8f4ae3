#include "task/task_info.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include <narke/detail/argument.hpp>
#include <narke/detail/callable.hpp>
#include <narke/detail/stream_core.hpp>
#include <narke/detail/task_info_ref.hpp>
#include <narke/errors.hpp>

#include "observe/event.hpp"

namespace narke::detail {

namespace {

std::int64_t priority_of(const task_options& options) {
  internal::check_whole("priority", options.priority, -1e9, 1e9);
  return static_cast<std::int64_t>(double{options.priority});
}

void check_isolation(const task_options& options, task_place place) {
  if (place == task_place::gpu && options.isolation == isolation::process) {
    throw std::invalid_argument{
        "isolation: isolation::process is for CPU tasks: what a gpu_context enqueues runs on the "
        "streams of this process. Leave it at isolation::thread, or isolate a task without a "
        "gpu_context that asks for num_gpus and uses CUDA itself"};
  }
}

// Where it would like to run. What this machine does not have is told by remote.
internal::resource_request with_wish(internal::resource_request request, const scheduling& wish) {
  using internal::placement_wish;
  switch (wish.kind()) {
    case scheduling::wish::automatic:
    case scheduling::wish::bundle:
      break;
    case scheduling::wish::spread:
      request.wish = placement_wish::spread;
      break;
    case scheduling::wish::numa_node:
      request.wish = placement_wish::numa_node;
      request.wish_index = wish.index();
      break;
    case scheduling::wish::gpu:
      request.wish = placement_wish::gpu;
      request.wish_index = wish.index();
      break;
  }
  if (wish.kind() == scheduling::wish::gpu && request.gpus.is_zero()) {
    throw std::invalid_argument{
        "scheduling: gpu(id) needs num_gpus: how much of that GPU the task takes"};
  }
  return request;
}

internal::resource_request request_of_gpu_task(task_options options) {
  if (options.num_gpus == 0) {
    options.num_gpus = 1;
  }
  return internal::request_from(options, 0);
}

}  // namespace

task_info::task_info(const task_options& options, task_place place)
    : name_{options.name},
      request_{with_wish(place == task_place::gpu ? request_of_gpu_task(options)
                                                  : internal::request_from(options, 1),
                         options.scheduling)},
      priority_{priority_of(options)},
      lane_{request_.is_one_cpu_only() && priority_ == 0 ? task_lane::fast : task_lane::placement},
      rules_{internal::task_rules::from(options)},
      is_isolated_{options.isolation == isolation::process},
      stream_buffer_{internal::stream_buffer_from(options.stream_buffer)} {
  check_isolation(options, place);
}

const char* task_info::trace_name() const noexcept {
  const char* known = trace_name_.load(std::memory_order_acquire);
  if (known == nullptr) {
    known = internal::intern_name(name_);
    trace_name_.store(known, std::memory_order_release);
  }
  return known;
}

task_info_ref::task_info_ref(const task_options& options, task_place place)
    : info_{new task_info{options, place}} {}

const task_info& default_gpu_info() {
  // Never destroyed: tasks may go after static objects.
  static const auto* info = new task_info{task_options{}, task_place::gpu};
  return *info;
}

either_info::either_info(const task_options& options) {
  if (options.isolation == isolation::process) {
    cpu_ = task_info_ref{options};  // no GPU task goes there, which for_gpu says
    try {
      gpu_ = task_info_ref{options, task_place::gpu};
    } catch (const std::invalid_argument&) {
      gpu_refusal_ = std::current_exception();
    }
    return;
  }
  gpu_ = task_info_ref{options, task_place::gpu};
  try {
    cpu_ = task_info_ref{options};
  } catch (const std::invalid_argument&) {  // gpu_memory without num_gpus
    cpu_refusal_ = std::current_exception();
  }
}

std::size_t stream_buffer_of(const task_info* info) noexcept {
  constexpr std::size_t unless_given = 64;
  return info != nullptr ? info->stream_buffer() : unless_given;
}

void add_ref(const task_info& info) noexcept {
  info.refs_.fetch_add(1, std::memory_order_relaxed);
}
void release_ref(const task_info& info) noexcept {
  if (info.refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete &info;
  }
}

void throw_null_function() {
  throw std::invalid_argument{
      "narke::task: the function pointer is null; give it a function to call"};
}

void throw_empty_ref(const char* call) {
  throw std::invalid_argument{
      fmt::format("narke::{}: the object_ref is empty. It was default-constructed or moved from; "
                  "give it a value by "
                  "remote or put",
                  call)};
}

void throw_not_last_ref(const char* what) {
  throw std::invalid_argument{fmt::format(
      "narke: {}: a move-only value can be taken only through its last object_ref, and there are "
      "others. "
      "Let the other refs go first, or read the value by get(ref) or a const T& parameter",
      what)};
}

}  // namespace narke::detail

namespace narke::internal {

std::string plain_name(const detail::task_node& node) {
  if (node.info != nullptr && !node.info->name().empty()) {
    return node.info->name();
  }
  std::string_view file{node.location.file_name()};
  file.remove_prefix(file.rfind('/') + 1);
  return file.empty() ? fmt::format("task {}", node.id)
                      : fmt::format("{}:{}", file, node.location.line());
}

std::string display_name(const detail::task_node& node) {
  return fmt::format("task '{}'", plain_name(node));
}

void throw_not_there_yet(std::string_view field, std::string_view value, std::string_view instead) {
  throw error{fmt::format("{} = {}: this version of narke does not have that yet; {}", field, value,
                          instead)};
}

std::size_t stream_buffer_from(double values) {
  check_whole("stream_buffer", values, -1, 1e15);
  if (values == 0) {
    throw std::invalid_argument{
        "stream_buffer: with 0 no value could ever come; give it 1 or more, or -1 for no bound"};
  }
  return values < 0 ? detail::stream_core::unlimited : static_cast<std::size_t>(values);
}

void check_whole(std::string_view field, double value, double least, double most) {
  if (!(value >= least && value <= most) || value != std::floor(value)) {
    throw std::invalid_argument{
        fmt::format("{}: {} is not a whole number from {} to {}", field, value, least, most)};
  }
}

}  // namespace narke::internal
