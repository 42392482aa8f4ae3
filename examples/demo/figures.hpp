// What a step measured, and the ways to show it: as text after the step, as a table at the end, as
// files.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace demo {

/// A blurred picture: what was written about it in figures.json.
struct picture_checksum {
  std::string file;
  std::string blurred_on;      // "cpu", "emulated" or a GPU's name
  std::uint64_t checksum = 0;  // of all pixels
};

struct timed_form {
  std::string name;
  double seconds = 0;
};

struct step_figures {
  std::string name;
  std::string what;
  std::string device = "cpu";  // "emulated" for an emulated GPU, else the GPU's name
  double serial_seconds = 0;
  timed_form first;   // the form that the tutorial warns of, or starts with
  timed_form second;  // the form that it recommends
  std::vector<timed_form> others;
  std::string teaches;
  std::vector<std::string> remarks;
  std::size_t checked = 0;
  std::size_t wrong = 0;

  /// How many times as fast as `first` `second` is.
  [[nodiscard]] double gain() const;
  /// How many times as fast as the serial loop `form` is.
  [[nodiscard]] double over_serial(const timed_form& form) const;
};

/// How long `work` takes, in seconds.
template <typename F>
double seconds_of(F&& work) {
  const auto started = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>{std::chrono::steady_clock::now() - started}.count();
}

/// "850 us", "12.3 ms", "4.56 s".
std::string format_seconds(double seconds);

std::string to_text(const step_figures& step, std::size_t number);
std::string to_table(std::span<const step_figures> steps);
std::string to_markdown(std::span<const step_figures> steps, const std::string& machine);

/// What figures.json says beside the steps.
struct run_facts {
  std::string machine;
  bool is_quick = false;
  std::vector<std::string> skipped;  // why a step was not made
  std::vector<picture_checksum> pictures;
};
std::string to_json(std::span<const step_figures> steps, const run_facts& facts);

}  // namespace demo
