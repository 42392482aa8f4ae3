// Damages a topology in many ways, always the same ones: each is read or refused, none ends the
// program. hwloc by itself crashes on some.
#include <gtest/gtest.h>

#include <random>

#include "topology/discover.hpp"
#include "topology/scratch_directory.hpp"
#include "topology/small_topology.hpp"

namespace {

using namespace narke::internal;

class damage {
 public:
  explicit damage(std::string text) : text_(std::move(text)) {}

  std::string cut_short() { return text_.substr(0, below(text_.size())); }

  std::string cut_short_but_closed() { return cut_short() + "</topology>\n"; }

  std::string with_random_bytes() {
    std::string damaged = text_;
    for (std::size_t n = 1 + below(4); n > 0; --n) {
      damaged[below(damaged.size())] = static_cast<char>(below(256));
    }
    return damaged;
  }

  std::string with_other_digits() {
    std::string damaged = text_;
    for (std::size_t n = 1 + below(3); n > 0; --n) {
      const std::size_t at = damaged.find_first_of("0123456789", below(damaged.size()));
      if (at != std::string::npos) damaged[at] = static_cast<char>('0' + below(10));
    }
    return damaged;
  }

  std::string with_a_piece_left_out() {
    std::string damaged = text_;
    return damaged.erase(below(damaged.size()), below(60));
  }

  std::string with_a_line_twice_or_moved() {
    std::string damaged = text_;
    const std::size_t begin = damaged.find('\n', below(damaged.size() - 1));
    const std::string line = damaged.substr(begin, damaged.find('\n', begin + 1) - begin);
    if (below(2) == 0) damaged.erase(begin, line.size());
    return damaged.insert(damaged.find('\n', below(damaged.size() - 1)), line);
  }

  /// One of the above, by turns.
  std::string next(int turn) {
    switch (turn % 6) {
      case 0: return cut_short();
      case 1: return cut_short_but_closed();
      case 2: return with_random_bytes();
      case 3: return with_other_digits();
      case 4: return with_a_piece_left_out();
      default: return with_a_line_twice_or_moved();
    }
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  std::string text_;
  std::mt19937 random_{20240229};
};

/// Everything that a reader of a machine relies on, whatever the file says.
void expect_consistent(const machine& machine) {
  const auto gpus = static_cast<int>(machine.gpus.size());
  EXPECT_EQ(machine.gpu_links.size(), machine.gpus.size() * (machine.gpus.size() - (gpus > 0)));
  for (const auto& link : machine.gpu_links) {
    EXPECT_TRUE(link.from >= 0 && link.from < gpus && link.to >= 0 && link.to < gpus);
  }
  for (int i = 0; i < gpus; ++i) EXPECT_EQ(machine.gpus[static_cast<std::size_t>(i)].index, i);
  for (const auto& core : machine.cores) {
    EXPECT_LT(core.package, static_cast<int>(machine.packages.size()));
  }
  EXPECT_GE(machine.limits.usable_cpus, 1);
}

TEST(damaged_xml, is_read_or_refused_and_never_crashes) {
  damage source(narke_test::small_topology());
  const narke_test::scratch_directory directory;
  int read = 0;
  int refused = 0;
  for (int turn = 0; turn < 300; ++turn) {
    SCOPED_TRACE(turn);
    const std::string file = directory.write("damaged.xml", source.next(turn));
    try {
      expect_consistent(load_machine(file));
      ++read;
    } catch (const topology_error& error) {
      EXPECT_NE(error.reason(), "");
      ++refused;
    }
  }
  // Both ends of the road were taken: a changed digit is often still a topology, a cut never is.
  EXPECT_GT(read, 20);
  EXPECT_GT(refused, 100);
}

}  // namespace
