// The state of an earlier run: refused, or read with what cannot be read counted.
#include <algorithm>
#include <string>

#include "fuzz/fuzz_targets.hpp"
#include "jobs/state_file.hpp"

namespace narke_fuzz {

using namespace narke::internal;

void state_file(std::string_view bytes) {
  recorded_state state;
  try {
    state.read(bytes, "state");
  } catch (const state_file_error&) {
    return;
  }
  const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  require(state.size() + state.unreadable() <= lines + 1, "a record a line");
  // What is written down of a job with these bytes as its command is found again.
  job known{.id = 1, .command = std::string{bytes}, .occurrence = 3, .attempts = 2};
  recorded_state again;
  again.read("{\"narke_run\":1}\n" + state_record(known, {.state = job_state::timed_out}), "state");
  const recorded_job* const found = again.find(known);
  require(found != nullptr && found->state == job_state::timed_out && found->attempts == 2,
          "a record is read as it was written");
}

}  // namespace narke_fuzz
