// Against std::map, by seed.
#include "scheduler/id_table.hpp"

#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <random>

#include <gtest/gtest.h>

namespace narke_test {
namespace {

using narke::internal::id_table;

using table = id_table<std::unique_ptr<std::uint64_t>>;

class mirrored_table {
 public:
  explicit mirrored_table(std::uint64_t seed) : random_{seed} {}

  // Ids from few, so that they come again and stand close to each other.
  void one_event(std::uint64_t id_count) {
    const std::uint64_t id = random_() % id_count * step_;
    const auto known = mirror_.find(id);
    ASSERT_EQ(table_.find(id) != nullptr, known != mirror_.end());
    if (known == mirror_.end()) {
      auto& added = table_.add(id, std::make_unique<std::uint64_t>(id));
      mirror_.emplace(id, &added);
    } else {
      ASSERT_EQ(*table_.take(id), id);
      mirror_.erase(known);
    }
    ASSERT_EQ(table_.size(), mirror_.size());
  }

  // Every one is found, at the address that it had when it was added.
  void check() const {
    for (const auto& [id, address] : mirror_) {
      ASSERT_EQ(table_.find(id), address);
      ASSERT_EQ(**address, id);
    }
    std::size_t visited = 0;
    table_.for_each([&](std::uint64_t id, const auto&) {
      ++visited;
      ASSERT_TRUE(mirror_.contains(id));
    });
    ASSERT_EQ(visited, mirror_.size());
  }

 private:
  std::mt19937_64 random_;
  const std::uint64_t step_ = std::uint64_t{1} << (random_() % 40);
  table table_;
  std::map<std::uint64_t, std::unique_ptr<std::uint64_t>*> mirror_;
};

TEST(id_table, finds_what_was_added_and_not_taken) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    mirrored_table both{seed};
    for (int event = 0; event < 1000; ++event) {
      both.one_event(8 + seed * 10);
      if (event % 100 == 0) both.check();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(id_table, an_empty_one_finds_nothing) {
  table empty;
  EXPECT_EQ(empty.find(0), nullptr);
  EXPECT_EQ(empty.find(7), nullptr);
  EXPECT_EQ(empty.size(), 0u);
}

TEST(id_table, one_that_was_large_and_was_emptied_serves_again) {
  table large;
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t id = 0; id < 10'000; ++id) {
      large.add(id, std::make_unique<std::uint64_t>(id));
    }
    for (std::uint64_t id = 0; id < 10'000; ++id) {
      ASSERT_EQ(*large.take(id), id);
    }
    ASSERT_EQ(large.find(1), nullptr);
  }
}

}  // namespace
}  // namespace narke_test
