// narke_demo: Ray's best-practices tutorial as one C++ program. Figures go to the standard output
// stream, progress and messages to the standard error stream. Ends with 0; 1 when a result is wrong
// or a file cannot be written; 2 when the command line, an environment variable or the pictures
// cannot be used.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <narke/narke.hpp>

#include "contact_sheet.hpp"
#include "figures.hpp"
#include "machine_text.hpp"
#include "options.hpp"
#include "output.hpp"
#include "pictures.hpp"
#include "steps/steps.hpp"

namespace {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_bad_input = 2;

void say(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    throw demo::output_error{
        fmt::format("cannot write to the standard output stream: {}", std::strerror(errno))};
  }
}

void warn(const std::string& text) {
  std::fputs(("narke_demo: " + text + "\n").c_str(), stderr);
}

class tutorial {
 public:
  explicit tutorial(demo::options chosen) : chosen_{std::move(chosen)} {}

  int run() {
    pictures_ = demo::find_pictures(chosen_.images);
    for (const std::string& why : pictures_.unreadable) warn("left out: " + why);
    emulate_gpus();
    demo::prepare_folder(chosen_.out);
    describe();
    if (!chosen_.pictures_only) {
      run_short_steps();
      run_tiny_tasks();
    }
    run_steps_with_outputs();
    return report_end();
  }

 private:
  /// As the environment variable would: the runtime knows what may be asked for.
  void emulate_gpus() const {
    if (chosen_.emulated_gpus.empty()) return;
    ::setenv("NARKE_EMULATED_GPUS", chosen_.emulated_gpus.c_str(), 1);
    try {
      const narke::session trial{narke::runtime_options{}};
    } catch (const std::invalid_argument& refused) {
      throw demo::input_error{fmt::format("--emulated-gpus: {}", refused.what())};
    }
  }

  void describe() {
    const narke::session session{narke::runtime_options{}};
    work_ = demo::make_workload(chosen_, demo::free_memory_bytes());
    facts_.machine = demo::describe_machine();
    facts_.is_quick = chosen_.quick;
    say(demo::describe_resources());
    if (chosen_.quick) say(demo::describe_quick(work_) + "\n");
  }

  void run_short_steps() {
    const narke::session session{narke::runtime_options{}};
    show(demo::return_three_values(work_));
    show(demo::get_at_the_end(work_));
  }

  /// In a session of its own: a million tasks leave no room in the timeline for anything else.
  void run_tiny_tasks() {
    const narke::session session{narke::runtime_options{}};
    show(demo::make_tasks_larger(work_));
  }

  void run_steps_with_outputs() {
    const narke::session session{narke::runtime_options{}};
    const std::vector<demo::picture_file> chosen = demo::select(pictures_.usable, work_.pictures);
    demo::pictures_result result = demo::process_pictures(chosen);
    for (const std::string& why : result.unreadable) {
      warn("left out: " + why);
      pictures_.unreadable.push_back(why);
    }
    if (chosen.size() < pictures_.usable.size()) {
      result.figures.remarks.push_back(fmt::format(
          "{} of {} pictures chosen, the smallest: {}", chosen.size(), pictures_.usable.size(),
          chosen_.quick ? "--quick" : "more would not fit into memory"));
    }
    show(result.figures);
    run_gpu_step(result);
    if (!chosen_.pictures_only) show(demo::share_large_matrix(work_));
    facts_.pictures = result.blurred;
    write_outputs(result);
  }

  void run_gpu_step(demo::pictures_result& result) {
    if (const std::string why = demo::why_no_gpu(); !why.empty()) {
      facts_.skipped.push_back("pictures on a GPU: " + why);
      say(fmt::format("\nSkipped: {}\n", facts_.skipped.back()));
      return;
    }
    const demo::gpu_pictures_result from_gpus = demo::blur_on_gpus(result.decoded);
    show(from_gpus.figures);
    demo::show_gpu_pictures(result, from_gpus);
  }

  void show(demo::step_figures step) {
    steps_.push_back(std::move(step));
    say("\n" + demo::to_text(steps_.back(), steps_.size()));
  }

  void write_outputs(const demo::pictures_result& result) const {
    demo::write_file(chosen_.out / "contact_sheet.png",
                     demo::encode_png(demo::make_contact_sheet(result.sheet)));
    demo::write_file(chosen_.out / "report.json", narke::report());
    demo::write_file(chosen_.out / "trace.json",
                     [](const std::filesystem::path& file) { narke::timeline(file.string()); });
    demo::write_file(chosen_.out / "figures.json", demo::to_json(steps_, facts_));
    demo::write_file(chosen_.out / "figures.md", demo::to_markdown(steps_, facts_.machine));
  }

  [[nodiscard]] int report_end() const {
    say("\nSummary (ratio: how many times as fast the second form is)\n" + demo::to_table(steps_));
    std::size_t checked = 0;
    std::size_t wrong = 0;
    for (const demo::step_figures& step : steps_) {
      checked += step.checked;
      wrong += step.wrong;
    }
    say(
        fmt::format("\n{}: contact_sheet.png, report.json, trace.json (pictures and matrix; for "
                    "ui.perfetto.dev), "
                    "figures.json, figures.md\n",
                    chosen_.out.string()));
    say(fmt::format("{} results checked, {} wrong; {} unreadable pictures left out\n", checked,
                    wrong, pictures_.unreadable.size()));
    return wrong == 0 ? exit_done : exit_failed;
  }

  const demo::options chosen_;
  demo::picture_list pictures_;
  demo::workload work_;
  demo::run_facts facts_;
  std::vector<demo::step_figures> steps_;
};

int show_end(const demo::command_line_end& end) {
  if (end.exit_code() != exit_done) {
    std::fputs(end.what(), stderr);
    return end.exit_code();
  }
  return std::fputs(end.what(), stdout) >= 0 && std::fflush(stdout) == 0 ? exit_done : exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit shows as a failed write, which names the file
  try {
    return tutorial{demo::parse_options(argc, argv)}.run();
  } catch (const demo::command_line_end& end) {
    return show_end(end);
  } catch (const std::invalid_argument& error) {  // an environment variable that init refused
    warn(error.what());
    return exit_bad_input;
  } catch (const demo::input_error& error) {
    warn(error.what());
    return exit_bad_input;
  } catch (const std::exception& error) {
    warn(error.what());
    return exit_failed;
  }
}
