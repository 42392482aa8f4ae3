// What the node of a task with isolation::process has beside: the typed steps that the library
// calls, here and in the worker process. Both are the same program, so a function is known by where
// it lies in its executable or library.
#pragma once

#include <cstddef>
#include <typeinfo>

#include <narke/detail/task_node.hpp>
#include <narke/export.hpp>
#include <narke/serialize.hpp>

namespace narke::detail {

/// The address of any function.
using code_address = void (*)();

/// One call in a worker process.
class worker_call {
 public:
  worker_call(const worker_call&) = delete;
  worker_call& operator=(const worker_call&) = delete;

  [[nodiscard]] message_reader& arguments() noexcept { return arguments_; }
  [[nodiscard]] message_writer& result() noexcept { return result_; }
  /// Of a task that is a function pointer: the function.
  [[nodiscard]] code_address function() const noexcept { return function_; }
  /// The arguments are read: from here on the call counts as started, as its body may have run.
  virtual void start() = 0;

 protected:
  worker_call(message_reader& from, message_writer& to, code_address called) noexcept
      : arguments_{from}, result_{to}, function_{called} {}
  ~worker_call() = default;

 private:
  message_reader& arguments_;
  message_writer& result_;
  const code_address function_;
};

/// Reads the arguments, calls the function, writes the result. Throws what they throw.
using worker_entry = void (*)(worker_call& call);

class isolated_part {
 public:
  isolated_part(const isolated_part&) = delete;
  isolated_part& operator=(const isolated_part&) = delete;

  [[nodiscard]] virtual worker_entry entry() const noexcept = 0;
  /// Null unless the task is a function pointer.
  [[nodiscard]] virtual code_address function() const noexcept = 0;
  /// Requires: every argument ready, prepared, none failed. Changes nothing: it may be called again
  /// for another attempt.
  virtual void write_arguments(message_writer& to) const = 0;
  /// Leaves the result in the task's slots.
  virtual void read_result(message_reader& from) = 0;

 protected:
  isolated_part() noexcept = default;
  ~isolated_part() = default;
};

/// Calls in a worker process, and waits. Throws worker_crashed_error, what the function threw (see
/// isolation in options.hpp), what ended it (a cancel, a timeout), narke::error when no process is
/// to be had.
NARKE_EXPORT void run_isolated(task_node& node, isolated_part& part);

/// Whether the tasks of these options are to run in processes.
[[nodiscard]] NARKE_EXPORT bool is_isolated(const task_info* info) noexcept;

/// Throws std::invalid_argument: isolation::process, and `type` cannot go there.
[[noreturn]] NARKE_EXPORT void refuse_isolation(const char* what, const std::type_info& type);

}  // namespace narke::detail
