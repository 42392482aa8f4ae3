#include "figures.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace demo {
namespace {

using json = nlohmann::ordered_json;

double quotient(double numerator, double denominator) {
  constexpr double shortest = 1e-9;  // a clock that did not move must not divide by zero
  return numerator / std::max(denominator, shortest);
}

std::string form_line(const step_figures& step, const timed_form& form) {
  return fmt::format("   {:<32} {:>10}   {:.2f} x the serial loop's speed\n", form.name,
                     format_seconds(form.seconds), step.over_serial(form));
}

json form_to_json(const step_figures& step, const timed_form& form) {
  return {
      {"name", form.name}, {"time_s", form.seconds}, {"speed_over_serial", step.over_serial(form)}};
}

json step_to_json(const step_figures& step) {
  json others = json::array();
  for (const timed_form& form : step.others) others.push_back(form_to_json(step, form));
  return {{"name", step.name},
          {"what", step.what},
          {"device", step.device},
          {"serial_time_s", step.serial_seconds},
          {"first", form_to_json(step, step.first)},
          {"second", form_to_json(step, step.second)},
          {"others", others},
          {"speed_second_over_first", step.gain()},
          {"teaches", step.teaches},
          {"remarks", step.remarks},
          {"results_checked", step.checked},
          {"results_wrong", step.wrong}};
}

}  // namespace

double step_figures::gain() const {
  return quotient(first.seconds, second.seconds);
}

double step_figures::over_serial(const timed_form& form) const {
  return quotient(serial_seconds, form.seconds);
}

std::string format_seconds(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

std::string to_text(const step_figures& step, std::size_t number) {
  std::string text = fmt::format("{}. {}: {}\n", number, step.name, step.what);
  for (const std::string& remark : step.remarks) text += fmt::format("   {}\n", remark);
  text += fmt::format("   {:<32} {:>10}\n", "serial loop", format_seconds(step.serial_seconds));
  text += form_line(step, step.first) + form_line(step, step.second);
  for (const timed_form& form : step.others) text += form_line(step, form);
  text += fmt::format("   ratio {:.2f}; it teaches: {}\n", step.gain(), step.teaches);
  text += fmt::format("   {} results checked against the serial loop's, {} wrong\n", step.checked,
                      step.wrong);
  return text;
}

std::string to_table(std::span<const step_figures> steps) {
  std::string text = fmt::format("{:<18} {:>10}   {:<38} {:<38} {:>7}\n", "step", "serial",
                                 "first form", "second form", "ratio");
  for (const step_figures& step : steps) {
    text += fmt::format("{:<18} {:>10}   {:<27} {:>10} {:<27} {:>10} {:>6.2f}x\n", step.name,
                        format_seconds(step.serial_seconds), step.first.name,
                        format_seconds(step.first.seconds), step.second.name,
                        format_seconds(step.second.seconds), step.gain());
  }
  return text;
}

std::string to_markdown(std::span<const step_figures> steps, const std::string& machine) {
  std::string text = fmt::format("Measured on {}.\n\n", machine);
  text +=
      "| step | serial loop | first form | second form | second over first | second over serial "
      "|\n";
  text += "|---|---:|---:|---:|---:|---:|\n";
  for (const step_figures& step : steps) {
    text += fmt::format("| {} | {} | {}: {} | {}: {} | {:.2f} x | {:.2f} x |\n", step.name,
                        format_seconds(step.serial_seconds), step.first.name,
                        format_seconds(step.first.seconds), step.second.name,
                        format_seconds(step.second.seconds), step.gain(),
                        step.over_serial(step.second));
  }
  return text;
}

std::string to_json(std::span<const step_figures> steps, const run_facts& facts) {
  json list = json::array();
  for (const step_figures& step : steps) list.push_back(step_to_json(step));
  json pictures = json::array();
  for (const picture_checksum& picture : facts.pictures) {
    pictures.push_back({{"file", picture.file},
                        {"blurred_on", picture.blurred_on},
                        {"checksum", fmt::format("{:016x}", picture.checksum)}});
  }
  const json all{{"schema_version", 1}, {"machine", facts.machine}, {"quick", facts.is_quick},
                 {"steps", list},       {"skipped", facts.skipped}, {"pictures", pictures}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace demo
