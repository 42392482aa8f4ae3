// Histories of works by seed: devices, shares, sizes, inputs and everything that users do to arrays
// meanwhile, in an order that the seed decides, with every result checked against a model on the
// host. Used as they are, with faults, and with mutations of the engine's calls.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "engine_fixture.hpp"

namespace narke_test {

struct history_options {
  std::uint64_t seed = 1;
  int works = 40;
  bool detects_races = true;
  bool has_works_of_several = true;  ///< works that have several devices
  /// Changes the scene before it begins.
  std::function<void(scene_options&)> adjust;
  /// Called with the scene when its first device may have been opened, and each work was made.
  std::function<void(engine_scene&, int works_made)> meanwhile;
  bool expects_violations = false;
  /// Of handles, whose device was lost or could not be opened.
  bool allows_leaks = false;
};

struct history_outcome {
  int works_completed = 0;
  int works_failed = 0;  ///< of those whose bodies did not mean to
  int values_checked = 0;
  int values_wrong = 0;
  int host_failures = 0;  ///< host() of an array that was there threw
  bool is_stuck = false;
  std::vector<std::exception_ptr> errors;
  std::string found;  ///< by the driver
  std::size_t violations = 0;
  std::uint64_t redundant_waits = 0;
  std::uint64_t waits = 0;
  std::uint64_t evictions = 0;
  std::uint64_t works_called_again = 0;
  std::uint64_t works_of_several = 0;
};

[[nodiscard]] history_outcome run_history(const history_options& options);

}  // namespace narke_test
