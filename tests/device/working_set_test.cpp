// Working sets of four times the device: what moves, beside what an exact least-recently-used cache
// of whole arrays would move on the same sequence.
#include <algorithm>
#include <list>
#include <random>

#include "engine_fixture.hpp"

namespace narke_test {
namespace {

constexpr std::uint64_t capacity_bytes = 1 * mib;
constexpr std::size_t array_bytes = 64 * kib - 512;
constexpr std::size_t array_words = array_bytes / sizeof(word);
// Results and the like take the rest.
constexpr std::size_t arrays_that_fit = capacity_bytes / (64 * kib) - 1;
constexpr std::size_t array_count = 4 * capacity_bytes / (64 * kib);

constexpr std::size_t checked_each = 100;

struct moved {
  std::uint64_t to_device_bytes = 0;
  std::uint64_t to_host_bytes = 0;
  [[nodiscard]] std::uint64_t all_bytes() const { return to_device_bytes + to_host_bytes; }
};

/// `made_there`: the arrays begin on the device, in order, and come to the host when they leave.
moved exact_lru(const std::vector<std::size_t>& sequence, bool made_there) {
  moved total;
  std::list<std::size_t> there;  // least recently used first
  std::vector<bool> is_on_host(array_count, !made_there);
  const auto use = [&](std::size_t array, bool is_made) {
    const auto at = std::find(there.begin(), there.end(), array);
    if (at != there.end()) {
      there.erase(at);
    } else {
      total.to_device_bytes += is_made ? 0 : array_bytes;
      if (there.size() == arrays_that_fit) {
        if (!is_on_host[there.front()]) {
          is_on_host[there.front()] = true;
          total.to_host_bytes += array_bytes;
        }
        there.pop_front();
      }
    }
    there.push_back(array);
  };
  for (std::size_t i = 0; made_there && i != array_count; ++i) {
    use(i, true);
  }
  for (const std::size_t each : sequence) {
    use(each, false);
  }
  return total;
}

moved by_engine(const std::vector<std::size_t>& sequence, bool made_there) {
  scene_options options = small_scene(1, 4 * mib);
  options.engine.reserve_bytes = 4 * mib - capacity_bytes;
  options.engine.slab_bytes = capacity_bytes;
  options.driver.detect_races = false;
  engine_scene scene{options};
  std::vector<words> arrays;
  for (std::size_t i = 0; i != array_count; ++i) {
    if (made_there) {
      test_work& made = scene.submit(1, {}, mixing(array_words, i));
      EXPECT_TRUE(scene.run_until_ordered(made));
      arrays.push_back(std::move(made.results.at(0)));
      made.results.clear();
    } else {
      arrays.emplace_back(mixed_on_host({}, array_words, i));
    }
  }
  std::vector<test_work*> readers;
  for (const std::size_t each : sequence) {
    test_work& reader = scene.make(1, {arrays[each]}, mixing(8, 0));
    if (readers.size() % checked_each != 0) {
      reader.when_ordered = [&reader] { reader.results.clear(); };  // they would take room
    }
    readers.push_back(&scene.submit(reader));
  }
  EXPECT_TRUE(scene.run_all());
  const auto facts = scene.engine.facts();
  for (std::size_t i = 0; i < readers.size(); i += checked_each) {
    EXPECT_EQ(values_of(readers[i]->result()),
              mixed_on_host({mixed_on_host({}, array_words, sequence[i])}, 8, 0));
  }
  scene.works.clear();
  return {facts.bytes_to_device, facts.bytes_to_host};
}

void expect_little_more_than_lru(const std::vector<std::size_t>& sequence, bool made_there,
                                 const char* name) {
  const moved best = exact_lru(sequence, made_there);
  const moved ours = by_engine(sequence, made_there);
  const double ratio =
      static_cast<double>(ours.all_bytes()) / static_cast<double>(best.all_bytes());
  testing::Test::RecordProperty(name, std::to_string(ratio));
  EXPECT_LE(ratio, 1.3) << name << ": to the device " << ours.to_device_bytes << " beside "
                        << best.to_device_bytes << " bytes, to the host " << ours.to_host_bytes
                        << " beside " << best.to_host_bytes;
}

std::vector<std::size_t> cyclic() {
  std::vector<std::size_t> sequence;
  for (std::size_t i = 0; i != 6 * array_count; ++i) {
    sequence.push_back(i % array_count);
  }
  return sequence;
}

std::vector<std::size_t> random_sequence(std::size_t length) {
  std::mt19937_64 random{7};
  std::vector<std::size_t> sequence;
  for (std::size_t i = 0; i != length; ++i) {
    sequence.push_back(random() % array_count);
  }
  return sequence;
}

// Most accesses go to few arrays: what an LRU cache is for.
std::vector<std::size_t> skewed_sequence(std::size_t length) {
  std::mt19937_64 random{11};
  std::vector<std::size_t> sequence;
  for (std::size_t i = 0; i != length; ++i) {
    const std::size_t limit = random() % 4 == 0 ? array_count : arrays_that_fit / 2;
    sequence.push_back(random() % limit);
  }
  return sequence;
}

TEST(working_set, cyclic_access_to_host_arrays_moves_as_lru) {
  expect_little_more_than_lru(cyclic(), false, "cyclic_host");
}
TEST(working_set, random_access_to_host_arrays_moves_as_lru) {
  expect_little_more_than_lru(random_sequence(800), false, "random_host");
}
TEST(working_set, skewed_access_to_host_arrays_moves_as_lru) {
  expect_little_more_than_lru(skewed_sequence(800), false, "skewed_host");
}
TEST(working_set, cyclic_access_to_arrays_made_there_moves_as_lru) {
  expect_little_more_than_lru(cyclic(), true, "cyclic_device");
}
TEST(working_set, random_access_to_arrays_made_there_moves_as_lru) {
  expect_little_more_than_lru(random_sequence(800), true, "random_device");
}
TEST(working_set, skewed_access_to_arrays_made_there_moves_as_lru) {
  expect_little_more_than_lru(skewed_sequence(800), true, "skewed_device");
}

}  // namespace
}  // namespace narke_test
