// The demo as a user runs it: a process with arguments, two streams and an exit code.
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "demo/contact_sheet.hpp"
#include "temporary_folder.hpp"
#include "test_pictures.hpp"

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct run_result {
  int exit_code = -1;
  std::string out;
  std::string messages;
};

/// A folder for pictures and outputs, and the demo run in it.
class demo_program : public ::testing::Test {
 protected:
  /// `before` is shell text in front of the program, such as a limit.
  run_result run(const std::string& arguments, const std::string& before = "") const {
    const std::string folder = folder_.path().string();
    const std::string command = "cd '" + folder + "' && exec >stdout 2>stderr </dev/null; " +
                                before + " '" NARKE_DEMO_PROGRAM "' " + arguments;
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder_.path() / "stdout"),
            read_text(folder_.path() / "stderr")};
  }

  void add_pictures() const {
    folder_.add("pictures/a.png", demo::encode_png(random_picture(60, 40, 1)));
    folder_.add("pictures/b.jpg", encode_jpeg(demo::make_image(50, 80, 200, 30, 30)));
    folder_.add("pictures/c/d.png", demo::encode_png(demo::make_image(1, 1, 0, 0, 255)));
  }

  void add_unreadable_pictures() const {
    const std::string whole = demo::encode_png(random_picture(90, 90, 3));
    folder_.add("pictures/empty.png", "");
    folder_.add("pictures/text.jpg", "no picture");
    folder_.add("pictures/z.png", whole.substr(0, whole.size() / 2));
  }

  void expect_figures_of_a_right_run() const {
    const auto figures = nlohmann::json::parse(read_text(out("figures.json")));
    EXPECT_EQ(figures.at("steps").size() + figures.at("skipped").size(), 6U);
    for (const auto& step : figures.at("steps")) {
      EXPECT_GT(step.at("results_checked"), 0) << step;
      EXPECT_EQ(step.at("results_wrong"), 0) << step;
      EXPECT_GT(step.at("serial_time_s"), 0.0) << step;
    }
  }

  void expect_report_with_everything_free() const {
    const auto report = nlohmann::json::parse(read_text(out("report.json")));
    EXPECT_GE(report.at("cluster_resources").at("CPU"), 1.0);
    EXPECT_EQ(report.at("available_resources"), report.at("cluster_resources"));
  }

  void expect_timeline_with_the_tasks() const {
    const std::string timeline = read_text(out("trace.json"));
    EXPECT_TRUE(nlohmann::json::parse(timeline).contains("traceEvents"));
    for (const char* name : {"\"decode\"", "\"blur\"", "\"sum\""}) {
      EXPECT_THAT(timeline, HasSubstr(name));
    }
  }

  [[nodiscard]] std::filesystem::path out(const std::string& name) const {
    return folder_.path() / "out" / name;
  }

  const temporary_folder folder_;
};

const std::string quick = "--quick --images pictures --out out";

// One run, as it takes seconds: results, files, messages about pictures, and no bar without a
// terminal.
TEST_F(demo_program, quick_run_checks_every_result_and_writes_whole_files) {
  add_pictures();
  add_unreadable_pictures();
  const run_result result = run(quick, "TERM=xterm");
  ASSERT_EQ(result.exit_code, 0) << result.out << result.messages;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("cluster_resources"), HasSubstr("--quick: "), HasSubstr("Summary"),
                    HasSubstr(", 0 wrong; 3 unreadable pictures left out")));
  EXPECT_THAT(result.messages,
              AllOf(HasSubstr("empty.png"), HasSubstr("text.jpg"), HasSubstr("z.png")));
  EXPECT_THAT(result.out + result.messages, AllOf(Not(HasSubstr("\r")), Not(HasSubstr("\033"))));

  EXPECT_EQ(count_files(folder_.path() / "out"), 5U);
  EXPECT_GT(demo::read_image(out("contact_sheet.png")).width, demo::thumbnail_width_max);
  EXPECT_THAT(read_text(out("figures.md")), HasSubstr("| pictures | "));
  expect_figures_of_a_right_run();
  expect_report_with_everything_free();
  expect_timeline_with_the_tasks();
}

// The figures of a run on `gpus` emulated GPUs, and the pictures as they came from there.
struct gpu_run {
  nlohmann::json figures;
  std::string sheet;
};

class demo_on_gpus : public demo_program {
 protected:
  [[nodiscard]] gpu_run blur_on(int gpus) const {
    const std::string folder = "out" + std::to_string(gpus);
    const run_result result =
        run("--quick --pictures-only --images pictures --out " + folder + " --emulated-gpus " +
            std::to_string(gpus) + ":64MiB");
    EXPECT_EQ(result.exit_code, 0) << result.out << result.messages;
    EXPECT_THAT(result.out, HasSubstr(", 0 wrong")) << gpus;
    EXPECT_EQ(result.out.find("has no GPU") != std::string::npos, gpus == 0) << result.out;
    const auto file = [&](const char* name) { return read_text(folder_.path() / folder / name); };
    EXPECT_EQ(file("figures.md").find("emulated") != std::string::npos, gpus != 0);
    return {nlohmann::json::parse(file("figures.json")), file("contact_sheet.png")};
  }

  static std::vector<std::string> values_of(const gpu_run& run, const char* key) {
    std::vector<std::string> values;
    for (const auto& picture : run.figures.at("pictures")) values.push_back(picture.at(key));
    return values;
  }
};

TEST_F(demo_on_gpus, any_number_of_them_gives_the_same_pictures) {
  add_pictures();
  folder_.add("pictures/e.png", demo::encode_png(random_picture(300, 200, 5)));
  const gpu_run on_cpus = blur_on(0);
  EXPECT_EQ(values_of(on_cpus, "blurred_on"), std::vector<std::string>(4, "cpu"));
  EXPECT_EQ(on_cpus.figures.at("steps").size(), 1U);
  EXPECT_EQ(on_cpus.figures.at("skipped").size(), 1U);
  for (const int gpus : {1, 2, 8}) {
    const gpu_run on_gpus = blur_on(gpus);
    EXPECT_EQ(values_of(on_gpus, "blurred_on"), std::vector<std::string>(4, "emulated")) << gpus;
    EXPECT_EQ(values_of(on_gpus, "checksum"), values_of(on_cpus, "checksum")) << gpus;
    EXPECT_EQ(on_gpus.sheet, on_cpus.sheet) << gpus;
    const auto& step = on_gpus.figures.at("steps").at(1);
    EXPECT_EQ(step.at("device"), "emulated");
    EXPECT_EQ(step.at("results_checked"), 8);
    EXPECT_EQ(step.at("results_wrong"), 0);
  }
}

TEST_F(demo_on_gpus, wrong_numbers_of_them_end_it_with_2) {
  add_pictures();
  for (const char* gpus : {"-1", "many", "2:", "1:0"}) {
    const run_result result = run("--images pictures --out out --emulated-gpus=" +
                                  std::string{gpus});
    EXPECT_EQ(result.exit_code, 2) << gpus;
    EXPECT_THAT(result.messages, HasSubstr("--emulated-gpus")) << gpus;
    EXPECT_EQ(result.out, "") << gpus;
  }
}

TEST_F(demo_program, pictures_that_cannot_be_used_end_it_with_2_before_any_work) {
  for (const char* images : {"nowhere", "stdout", "pictures"}) {
    folder_.add("pictures/empty.png", "");
    const run_result result = run("--out out --images " + std::string{images});
    EXPECT_EQ(result.exit_code, 2) << images;
    EXPECT_THAT(result.messages, HasSubstr(images));
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
  }
}

TEST_F(demo_program, wrong_options_end_it_with_2_and_help_with_0) {
  for (const char* arguments : {"--quik", "--images", "stray", "--out ''"}) {
    const run_result result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_THAT(result.messages, HasSubstr("--images")) << arguments;
    EXPECT_EQ(result.out, "") << arguments;
  }
  const run_result help = run("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--quick"), HasSubstr("--sleep"), HasSubstr("--out"),
                              HasSubstr("--emulated-gpus")));
  EXPECT_EQ(help.messages, "");
}

TEST_F(demo_program, disk_that_fills_up_names_the_file_and_leaves_nothing_half_written) {
  add_pictures();
  const run_result result = run(quick + " >/dev/null", "ulimit -f 4 &&");
  EXPECT_EQ(result.exit_code, 1) << result.messages;
  EXPECT_THAT(result.messages, HasSubstr("cannot write 'out/"));
  for (const auto& entry : std::filesystem::directory_iterator{folder_.path() / "out"}) {
    ADD_FAILURE() << entry.path() << " is there";
  }
}

TEST_F(demo_program, out_that_cannot_be_a_folder_ends_it_with_1_before_any_work) {
  add_pictures();
  folder_.add("taken", "a file");
  for (const char* place : {"taken", "taken/out", "/dev/full", "/proc/narke"}) {
    const run_result result = run("--quick --images pictures --out " + std::string{place});
    EXPECT_EQ(result.exit_code, 1) << place;
    EXPECT_THAT(result.messages, HasSubstr(place));
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(read_text(folder_.path() / "taken"), "a file");
}

TEST_F(demo_program, output_stream_that_is_full_ends_it_with_1) {
  add_pictures();
  EXPECT_EQ(run(quick + " >/dev/full").exit_code, 1);
  EXPECT_THAT(read_text(folder_.path() / "stderr"), HasSubstr("standard output"));
}

}  // namespace
