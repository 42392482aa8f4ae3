// gpu_facts: what a CUDA driver does where narke relies on it, check by check; and the same of the
// emulated driver, to be held beside it.
//   gpu_facts --list                    names and what they are about, one a line
//   gpu_facts [--emulated] NAME         one line of JSON; exit code 0, or 1 when the check could
//   not
//                                       be made
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "check.hpp"
#include "driver_under_test.hpp"
#include "runtime_checks.hpp"

namespace gpu_check {

std::vector<check> all_checks() {
  std::vector<check> all;
  for (auto* each : {fact_checks, cost_checks, memory_checks, order_checks, runtime_checks,
                     fault_checks, capture_checks}) {
    for (const check& one : each()) all.push_back(one);
  }
  return all;
}

namespace {

// The runtime opens its driver itself, and there is one emulated driver in a process.
template <fault Kind>
void live_on(driver_under_test& driver, findings& found) {
  const bool is_emulated = driver.is_emulated();
  driver.emulated.reset();
  live_on_after(Kind, is_emulated, found);
}

void see_thrust(driver_under_test& driver, findings& found) {
  const bool is_emulated = driver.is_emulated();
  driver.emulated.reset();
  see_which_algorithms_wait(is_emulated, found);
}

int usage() {
  std::fputs("Usage: gpu_facts --list | gpu_facts [--emulated] NAME\n", stderr);
  return 2;
}

int run(const check& one, bool is_emulated) {
  findings found;
  nlohmann::ordered_json line{{"check", one.name}, {"driver", is_emulated ? "emulated" : "cuda"}};
  int code = 0;
  try {
    driver_under_test driver{is_emulated};
    one.run(driver, found);
  } catch (const std::exception& failed) {
    line["error"] = failed.what();
    code = 1;
  }
  line["facts"] = found.facts;
  line["figures"] = found.figures;
  std::puts(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return code;
}

}  // namespace

std::vector<check> runtime_checks() {
  return {{"thrust_waits", "which of Thrust's algorithms wait for the stream", see_thrust},
          {"alive_after_700", "CPU tasks and values after a bad access",
           live_on<fault::illegal_address>},
          {"alive_after_710", "the same after an assertion", live_on<fault::assertion>},
          {"alive_after_719", "the same after a trap", live_on<fault::trap>}};
}

}  // namespace gpu_check

int main(int argc, char** argv) {
  using namespace gpu_check;
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const check& one : all_checks()) std::printf("%s\t%s\n", one.name, one.what);
    return 0;
  }
  const bool is_emulated = argc == 3 && std::strcmp(argv[1], "--emulated") == 0;
  if (argc < 2 || (argc == 3 && !is_emulated) || argc > 3) return usage();
  for (const check& one : all_checks()) {
    if (std::strcmp(one.name, argv[argc - 1]) == 0) return run(one, is_emulated);
  }
  return usage();
}
