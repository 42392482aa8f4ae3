// Every input of the corpus, through its target: what was once found stays fixed. Also each of them
// damaged a little, always in the same ways.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fuzz/fuzz_targets.hpp"

namespace {

using target = void (*)(std::string_view);

std::vector<std::string> corpus_of(const std::string& name) {
  std::vector<std::string> inputs;
  const std::filesystem::path folder = std::filesystem::path{NARKE_FUZZ_CORPUS} / name;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    std::ifstream file{entry.path(), std::ios::binary};
    inputs.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

std::string damaged(std::string input, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random);
  };
  for (std::size_t changes = 1 + below(3); changes > 0 && !input.empty(); --changes) {
    const std::size_t at = below(input.size());
    switch (below(4)) {
      case 0:
        input[at] = static_cast<char>(below(256));
        break;
      case 1:
        input.erase(at, 1 + below(8));
        break;
      case 2:
        input.insert(at, input.substr(below(input.size()), 1 + below(16)));
        break;
      default:
        input.resize(at);
        break;
    }
  }
  return input;
}

void replay(const std::string& name, target run, int rounds) {
  const auto inputs = corpus_of(name);
  ASSERT_GE(inputs.size(), 3U) << "the corpus of " << name;
  run({});
  std::mt19937 random{20260301};
  for (const std::string& input : inputs) {
    run(input);
    for (int round = 0; round < rounds; ++round) run(damaged(input, random));
  }
}

TEST(fuzz_corpus, job_files) {
  replay("job_file", narke_fuzz::job_file, 20);
}
TEST(fuzz_corpus, state_files) {
  replay("state_file", narke_fuzz::state_file, 20);
}
TEST(fuzz_corpus, visible_devices) {
  replay("visible_devices", narke_fuzz::visible_devices, 20);
}
TEST(fuzz_corpus, option_texts) {
  replay("option_text", narke_fuzz::option_text, 20);
}
TEST(fuzz_corpus, topology_files) {
  replay("topology_xml", narke_fuzz::topology_xml, 1);
}

}  // namespace
