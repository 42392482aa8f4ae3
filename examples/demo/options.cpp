#include "options.hpp"

#include <limits>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace demo {

options parse_options(int argc, const char* const* argv) {
  options chosen;
  CLI::App app{
      "Ray's best-practices tutorial as one C++ program: what each good habit is worth on this "
      "machine.",
      "narke_demo"};
  app.add_option("--images", chosen.images,
                 "Folder of pictures (.jpg, .jpeg, .png), searched with its folders")
      ->capture_default_str();
  app.add_option("--out", chosen.out,
                 "Folder for contact_sheet.png, report.json, trace.json, figures.json and "
                 "figures.md")
      ->capture_default_str();
  app.add_flag("--quick", chosen.quick, "Less of each step: done in under 20 s");
  app.add_flag("--sleep", chosen.sleep,
               "Tiny tasks sleep for 10 us, as the tutorial's do, instead of computing");
  app.add_option("--emulated-gpus", chosen.emulated_gpus,
                 "Emulate N GPUs, of MEMORY each, instead of using the machine's own")
      ->type_name("N[:MEMORY]");
  app.add_flag("--pictures-only", chosen.pictures_only, "Only the steps that work on pictures");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    throw command_line_end{app.help(), 0};
  } catch (const CLI::ParseError& wrong) {
    throw command_line_end{fmt::format("narke_demo: {}\n\n{}", wrong.what(), app.help()), 2};
  }
  if (chosen.images.empty() || chosen.out.empty()) {
    throw command_line_end{fmt::format("narke_demo: {} must not be empty\n\n{}",
                                       chosen.images.empty() ? "--images" : "--out", app.help()),
                           2};
  }
  return chosen;
}

workload make_workload(const options& chosen, std::size_t usable_memory_bytes) {
  constexpr std::size_t bytes_per_pixel = 3;
  constexpr std::size_t share_of_memory =
      8;  // decoded and blurred are held at a time, and others need some too
  workload work;
  work.tiny_tasks_sleep = chosen.sleep;
  work.pictures.pictures_max = std::numeric_limits<std::size_t>::max();
  work.pictures.pixels_each_max = pixels_max;
  work.pictures.pixels_total_max = usable_memory_bytes / share_of_memory / bytes_per_pixel;
  if (!chosen.quick) return work;
  work.return_calls = 2'000;
  work.slow_task = std::chrono::milliseconds{40};
  work.tiny_tasks = 100'000;
  work.pictures.pictures_max = 8;
  work.pictures.pixels_each_max = 2'500'000;
  work.matrix_side = 2'000;
  return work;
}

std::string describe_quick(const workload& quick) {
  return fmt::format(
      "--quick: {} calls of each kind instead of 20000, {} tasks of {} ms instead of 500 ms, {} "
      "tiny tasks instead of 1000000, at most {} "
      "pictures of at most {:.1f} megapixels, a matrix of {} x {} instead of 5000 x 5000",
      quick.return_calls, quick.slow_tasks, quick.slow_task.count(), quick.tiny_tasks,
      quick.pictures.pictures_max, double(quick.pictures.pixels_each_max) / 1e6, quick.matrix_side,
      quick.matrix_side);
}

}  // namespace demo
