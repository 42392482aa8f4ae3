// The messages of a call: what the parent sends, and what it makes of the answer.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "process/code_location.hpp"
#include "process/message.hpp"
#include "process/process_pool.hpp"

namespace narke::internal {

/// What stands before the arguments.
struct call_head {
  code_location entry;                    ///< a detail::worker_entry
  std::optional<code_location> function;  ///< of a task that is a function pointer
  std::uint64_t id = 0;
  std::int32_t attempt = 0;
  std::uint32_t gpu_count = 0;
  std::string name;
  bool is_of_actor = false;  ///< in the process of an actor: what follows
  std::string actor_name;
  std::int32_t restarts = 0;
};

void write_call(message_writer& to, const isolated_call& call);
/// Throws damaged_message.
call_head read_call_head(message_reader& from);

/// Leaves the result in the task's slots; or returns what the task threw. Throws damaged_message.
std::exception_ptr read_answer(const isolated_call& call, message&& answer);

/// That the actor ends, and how.
void write_leaving(message_writer& to, actor_leaving how, const std::string& reason, bool by_throw);
/// Throws damaged_message.
void read_leaving(message_reader& from, host_call& into);

}  // namespace narke::internal
