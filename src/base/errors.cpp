#include <narke/errors.hpp>

#include <utility>

// Destructors live here so that each exception has one type_info: a catch in another library finds
// it.
namespace narke {

error::~error() = default;
already_initialized::~already_initialized() = default;
infeasible_request::~infeasible_request() = default;
get_timeout_error::~get_timeout_error() = default;
task_timeout_error::~task_timeout_error() = default;
task_cancelled_error::~task_cancelled_error() = default;
pending_limit_error::~pending_limit_error() = default;
broken_promise_error::~broken_promise_error() = default;
actor_not_found::~actor_not_found() = default;
pending_calls_limit_exceeded::~pending_calls_limit_exceeded() = default;
worker_crashed_error::~worker_crashed_error() = default;
object_store_full_error::~object_store_full_error() = default;
object_lost_error::~object_lost_error() = default;
out_of_device_memory::~out_of_device_memory() = default;
device_lost_error::~device_lost_error() = default;
deadlock_error::~deadlock_error() = default;
fork_error::~fork_error() = default;

actor_died_error::actor_died_error(const std::string& message, std::exception_ptr cause)
    : error{message}, cause_{std::move(cause)} {}
actor_died_error::~actor_died_error() = default;

}  // namespace narke
