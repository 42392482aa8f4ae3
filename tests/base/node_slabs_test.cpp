#include "base/node_slabs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace narke::internal {
namespace {

struct taken {
  void* memory;
  std::size_t bytes;
};

TEST(node_slabs, nodes_of_all_sizes_lie_apart) {
  std::vector<taken> all;
  for (int round = 0; round != 100; ++round) {
    for (const std::size_t bytes : {1, 16, 63, 64, 65, 200, 511, 1024, 1025, 5000}) {
      void* memory = take_node(bytes);
      std::memset(memory, static_cast<int>(all.size() % 251), bytes);
      all.push_back({memory, bytes});
    }
  }
  for (std::size_t i = 0; i != all.size(); ++i) {
    const auto* seen = static_cast<const unsigned char*>(all[i].memory);
    ASSERT_EQ(seen[0], i % 251);
    ASSERT_EQ(seen[all[i].bytes - 1], i % 251);
  }
  for (const taken& each : all) give_node(each.memory, each.bytes);
}

TEST(node_slabs, are_aligned_to_a_cache_line) {
  for (const std::size_t bytes : {8, 100, 1024, 1025, 2000, 70'000}) {
    void* memory = take_node(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 64, 0U) << bytes;
    give_node(memory, bytes);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(node_slabs, memory_is_used_again_by_whoever_let_it_go) {
  for (int round = 0; round != 3; ++round) {
    // Made here, let go by a thread that ends: it comes back all the same.
    std::vector<void*> nodes(10'000);
    const std::size_t before = slab_bytes();
    for (void*& node : nodes) node = take_node(192);
    if (round > 0) {
      EXPECT_EQ(slab_bytes(), before) << "the memory of the round before was not used";
    }
    std::thread{[&] {
      for (void* node : nodes) give_node(node, 192);
    }}.join();
  }
}

// A batch of free nodes lies in one of them, with room by their size: each size is taken, let go
// and taken again by the hundred, in the order of its coming and the other way round.
TEST(node_slabs, what_was_let_go_is_all_taken_again_of_every_size) {
  for (std::size_t bytes = 64; bytes <= slab_node_bytes_max; bytes += 64) {
    std::set<void*> first;
    for (int round = 0; round != 4; ++round) {
      std::vector<void*> nodes(300);
      for (void*& node : nodes) {
        node = take_node(bytes);
        std::memset(node, round, bytes);
      }
      const std::set<void*> apart{nodes.begin(), nodes.end()};
      ASSERT_EQ(apart.size(), nodes.size()) << bytes << " bytes";
      if (round == 0) {
        first = apart;
      } else {
        ASSERT_EQ(apart, first) << bytes << " bytes";
      }
      if (round % 2 != 0) std::reverse(nodes.begin(), nodes.end());
      for (void* node : nodes) give_node(node, bytes);
    }
  }
}

// So many that the slabs are of large pages.
TEST(node_slabs, many_nodes_lie_apart_too) {
  constexpr std::size_t bytes = 512;
  constexpr std::size_t count = (std::size_t{16} << 20) / bytes;
  std::vector<std::size_t*> nodes(count);
  std::size_t before = 0;
  for (int round = 0; round != 2; ++round) {
    before = slab_bytes();
    for (std::size_t i = 0; i != count; ++i) {
      nodes[i] = static_cast<std::size_t*>(take_node(bytes));
      nodes[i][0] = nodes[i][bytes / sizeof(std::size_t) - 1] = i;
    }
    for (std::size_t i = 0; i != count; ++i) {
      ASSERT_EQ(nodes[i][0], i);
      ASSERT_EQ(nodes[i][bytes / sizeof(std::size_t) - 1], i);
    }
    for (std::size_t* node : nodes) give_node(node, bytes);
  }
  EXPECT_EQ(slab_bytes(), before) << "the memory of the round before was not used";
}

TEST(node_slabs, a_thread_that_makes_and_lets_go_in_turn_needs_one_node) {
  give_node(take_node(320), 320);
  const std::size_t before = slab_bytes();
  for (int i = 0; i != 100'000; ++i) give_node(take_node(320), 320);
  EXPECT_EQ(slab_bytes(), before);
}
#endif

// Each of several threads makes nodes, writes into them, and lets those go that others made.
TEST(node_slabs, threads_exchange_nodes_and_none_is_given_out_twice) {
  constexpr int thread_count = 4;
  constexpr int rounds = 2'000;
  std::mutex mutex;
  std::vector<taken> shared;
  std::vector<std::thread> threads;
  std::array<int, thread_count> damaged{};
  for (int index = 0; index != thread_count; ++index) {
    threads.emplace_back([&, index] {
      for (int round = 0; round != rounds; ++round) {
        const std::size_t bytes = 64U * static_cast<std::size_t>(1 + (round + index) % 4);
        void* memory = take_node(bytes);
        std::memset(memory, static_cast<int>(bytes / 64), bytes);
        taken other{};
        {
          const std::lock_guard lock{mutex};
          shared.push_back({memory, bytes});
          other = shared[static_cast<std::size_t>(round * 7) % shared.size()];
          std::swap(shared[static_cast<std::size_t>(round * 7) % shared.size()], shared.back());
          if (round % 3 != 0) {
            shared.pop_back();
          } else {
            other = {};
          }
        }
        if (other.memory == nullptr) continue;
        const auto* seen = static_cast<const unsigned char*>(other.memory);
        for (std::size_t i = 0; i != other.bytes; ++i) {
          damaged[static_cast<std::size_t>(index)] += seen[i] == other.bytes / 64 ? 0 : 1;
        }
        give_node(other.memory, other.bytes);
      }
    });
  }
  for (std::thread& each : threads) each.join();
  for (const int count : damaged) EXPECT_EQ(count, 0);
  std::set<void*> apart;
  for (const taken& each : shared) apart.insert(each.memory);
  EXPECT_EQ(apart.size(), shared.size());
  for (const taken& each : shared) give_node(each.memory, each.bytes);
}

}  // namespace
}  // namespace narke::internal
