// What the tests of events share: a clean start, and events made in one line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "observe/event.hpp"
#include "observe/keeps_schema.hpp"

namespace narke::internal::testing {

inline trace_event event_at(std::uint64_t begin, std::uint64_t end, std::uint64_t id = 0,
                            const char* name = "work", event_kind kind = event_kind::task) {
  return {.begin_ticks = begin, .end_ticks = end, .name = name, .id = id, .parent_or_from = 0,
          .line = 0, .kind = kind, .failed = false};
}

inline trace_event flow_at(std::uint64_t ticks, std::uint64_t from, std::uint64_t to) {
  return {.begin_ticks = ticks, .end_ticks = ticks, .name = nullptr, .id = to,
          .parent_or_from = from, .line = 0, .kind = event_kind::flow, .failed = false};
}

/// Starts without events, in a directory of its own that goes with it.
class trace_test : public ::testing::Test {
 protected:
  trace_test() {
    std::string pattern = (std::filesystem::temp_directory_path() / "narke-trace-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    clear_events();
    set_tracing(false);
  }
  ~trace_test() override {
    clear_events();
    set_tracing(false);
    std::filesystem::remove_all(directory);
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory / name).string();
  }
  [[nodiscard]] std::string written_text() const {
    write_chrome_trace(path("trace.json"));
    std::ifstream file{path("trace.json")};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  [[nodiscard]] nlohmann::json written_trace() const {
    const std::string text = written_text();
    EXPECT_TRUE(keeps_schema("trace.schema.json", text));
    return nlohmann::json::parse(text);
  }
  [[nodiscard]] std::size_t files_there() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{directory}) {
      ++count;
    }
    return count;
  }

  std::filesystem::path directory;
};

}  // namespace narke::internal::testing
