// The exceptions of narke. All derive from narke::error, a std::runtime_error; misuse of an
// argument is a std::invalid_argument instead. Every message says what was asked, what there is and
// what to do.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include <narke/export.hpp>

namespace narke {

/// What every exception of the runtime derives from.
class NARKE_EXPORT error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~error() override;
};

/// `init` was called while a runtime is there.
class NARKE_EXPORT already_initialized : public error {
 public:
  using error::error;
  ~already_initialized() override;
};

/// A request that this machine can never meet.
class NARKE_EXPORT infeasible_request : public error {
 public:
  using error::error;
  ~infeasible_request() override;
};

/// `get` waited for as long as it was told to.
class NARKE_EXPORT get_timeout_error : public error {
 public:
  using error::error;
  ~get_timeout_error() override;
};

/// A task ran for longer than its `timeout`.
class NARKE_EXPORT task_timeout_error : public error {
 public:
  using error::error;
  ~task_timeout_error() override;
};

/// The task was cancelled, or dropped by `shutdown`.
class NARKE_EXPORT task_cancelled_error : public error {
 public:
  using error::error;
  ~task_cancelled_error() override;
};

/// A task handle has as many unfinished tasks as its `max_pending`.
class NARKE_EXPORT pending_limit_error : public error {
 public:
  using error::error;
  ~pending_limit_error() override;
};

/// A promise went without a value.
class NARKE_EXPORT broken_promise_error : public error {
 public:
  using error::error;
  ~broken_promise_error() override;
};

/// The actor is dead (killed, its constructor threw, it ended itself, its last handle is gone), or
/// was lost while the call ran.
class NARKE_EXPORT actor_died_error : public error {
 public:
  explicit actor_died_error(const std::string& message, std::exception_ptr cause = nullptr);
  ~actor_died_error() override;

  /// What the constructor threw, or what the actor was lost by; null when it was killed, ended
  /// itself, or has no handle any more.
  [[nodiscard]] std::exception_ptr cause() const noexcept { return cause_; }

 private:
  std::exception_ptr cause_;
};

/// No living actor has this name.
class NARKE_EXPORT actor_not_found : public error {
 public:
  using error::error;
  ~actor_not_found() override;
};

/// An actor has as many calls that are not done as `max_pending_calls` lets it have.
class NARKE_EXPORT pending_calls_limit_exceeded : public error {
 public:
  using error::error;
  ~pending_calls_limit_exceeded() override;
};

/// An isolated worker ended before its task did.
class NARKE_EXPORT worker_crashed_error : public error {
 public:
  using error::error;
  ~worker_crashed_error() override;
};

/// `put` would exceed `object_store_memory`.
class NARKE_EXPORT object_store_full_error : public error {
 public:
  using error::error;
  ~object_store_full_error() override;
};

/// The only copy of an object is gone.
class NARKE_EXPORT object_lost_error : public error {
 public:
  using error::error;
  ~object_lost_error() override;
};

/// A task's working set is larger than its device.
class NARKE_EXPORT out_of_device_memory : public error {
 public:
  using error::error;
  ~out_of_device_memory() override;
};

/// A device failed, and with it what lived only there.
class NARKE_EXPORT device_lost_error : public error {
 public:
  using error::error;
  ~device_lost_error() override;
};

/// Every task of a cycle waits for what only the cycle holds.
class NARKE_EXPORT deadlock_error : public error {
 public:
  using error::error;
  ~deadlock_error() override;
};

/// The runtime was used in a child of `fork`.
class NARKE_EXPORT fork_error : public error {
 public:
  using error::error;
  ~fork_error() override;
};

}  // namespace narke
