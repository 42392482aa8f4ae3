#include "jobs/job.hpp"

#include <cstring>

#include <fmt/format.h>

namespace narke::internal {

const char* state_name(job_state state) noexcept {
  switch (state) {
    case job_state::waiting:
      return "waiting";
    case job_state::running:
      return "running";
    case job_state::done:
      return "done";
    case job_state::failed:
      return "failed";
    case job_state::timed_out:
      return "timeout";
    case job_state::interrupted:
      return "interrupted";
    case job_state::skipped:
      return "skipped";
    case job_state::refused:
      return "refused";
  }
  return "";
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

std::string describe(const job_result& result) {
  if (!result.reason.empty()) return "did not start: " + result.reason;
  if (result.signal) {
    return fmt::format("killed by {} ({})", signal_name(*result.signal), *result.signal);
  }
  return fmt::format("exit {}", result.exit_code.value_or(0));
}

}  // namespace narke::internal
