#include "base/node_slabs.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>

#include "base/forked_child.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NARKE_NODES_ALONE 1
#endif

namespace narke::internal {

namespace {

// A class of sizes for each number of cache lines.
constexpr std::size_t line_bytes = 64;
constexpr std::size_t class_count = slab_node_bytes_max / line_bytes;
constexpr std::size_t slab_size_bytes = std::size_t{64} << 10;
constexpr std::uint32_t batch_size = 32;

constexpr std::align_val_t line_alignment{line_bytes};

struct free_node {
  free_node* next;
  // Of the first of a batch in a depot.
  free_node* next_batch;
  std::uint32_t batch_count;
};

// A list of free nodes, and how many there are.
struct magazine {
  free_node* first = nullptr;
  std::uint32_t count = 0;

  void push(free_node* node) noexcept {
    node->next = first;
    first = node;
    ++count;
  }
  free_node* pop() noexcept {
    free_node* node = first;
    first = node->next;
    --count;
    return node;
  }
};

constinit std::atomic<std::size_t> taken_bytes{0};

// What all threads share of one class: full batches, and the rest of the newest slab.
class depot {
 public:
  /// Never empty. Throws std::bad_alloc.
  magazine take(std::size_t node_bytes) {
    if (is_forked_child()) [[unlikely]] {  // see give
      magazine one;
      one.push(::new (::operator new(node_bytes, line_alignment)) free_node{});
      return one;
    }
    const std::lock_guard lock{mutex_};
    if (batches_ != nullptr) {
      free_node* first = batches_;
      batches_ = first->next_batch;
      return {first, first->batch_count};
    }
    return carve_locked(node_bytes);
  }
  void give(magazine batch) noexcept {
    // A thread of the parent may have had the lock when it forked, and nobody gives it back. A
    // child that lets go of what it was born with makes no task any more: the batch is left.
    if (is_forked_child()) [[unlikely]] {
      return;
    }
    const std::lock_guard lock{mutex_};
    batch.first->next_batch = batches_;
    batch.first->batch_count = batch.count;
    batches_ = batch.first;
  }

 private:
  magazine carve_locked(std::size_t node_bytes) {
    if (static_cast<std::size_t>(end_ - begin_) < node_bytes) {
      begin_ = static_cast<std::byte*>(::operator new(slab_size_bytes, line_alignment));
      end_ = begin_ + slab_size_bytes;
    }
    magazine batch;
    while (batch.count != batch_size && static_cast<std::size_t>(end_ - begin_) >= node_bytes) {
      batch.push(::new (static_cast<void*>(begin_)) free_node{});
      begin_ += node_bytes;
      taken_bytes.fetch_add(node_bytes, std::memory_order_relaxed);
    }
    return batch;
  }

  std::mutex mutex_;
  free_node* batches_ = nullptr;
  std::byte* begin_ = nullptr;
  std::byte* end_ = nullptr;
};

// What one thread has of one class: it takes from `at_hand` and gives to it; `spare` is full or
// empty, so that a thread that takes and gives around a full batch does not go to the depot each
// time.
struct node_cache {
  magazine at_hand;
  magazine spare;
};

// The state of `caches`: they are used once the thread has said that it will empty them at its end.
enum class cache_state : std::uint8_t { unused, used, emptied };

constinit std::array<depot, class_count> depots;
constinit thread_local std::array<node_cache, class_count> caches
    __attribute__((tls_model("initial-exec")));
constinit thread_local cache_state state_of_caches __attribute__((tls_model("initial-exec"))) =
    cache_state::unused;

struct cache_emptier {
  ~cache_emptier() {
    state_of_caches = cache_state::emptied;
    for (std::size_t i = 0; i != class_count; ++i) {
      for (magazine* each : {&caches[i].at_hand, &caches[i].spare}) {
        if (each->count != 0) {
          depots[i].give(*each);
        }
        *each = {};
      }
    }
  }
  void begin() noexcept { state_of_caches = cache_state::used; }
};

void use_caches() {
  thread_local cache_emptier emptier;
  emptier.begin();
}

std::size_t class_of(std::size_t bytes) noexcept {
  return (bytes - 1) / line_bytes;
}

// The node that is taken next may lie with another core, or in memory.
inline void prefetch_node(const void* node) noexcept {
  const auto* lines = static_cast<const std::byte*>(node);
  __builtin_prefetch(lines, 1);
  __builtin_prefetch(lines + line_bytes, 1);
  __builtin_prefetch(lines + 2 * line_bytes, 1);
}

[[gnu::noinline]] void* take_slowly(std::size_t index) {
  node_cache& cache = caches[index];
  const std::size_t node_bytes = (index + 1) * line_bytes;
  if (state_of_caches == cache_state::unused) {
    use_caches();
  }
  if (cache.spare.count != 0) {
    cache.at_hand = cache.spare;
    cache.spare = {};
    return cache.at_hand.pop();
  }
  magazine batch = depots[index].take(node_bytes);
  free_node* node = batch.pop();
  if (state_of_caches == cache_state::used) {
    cache.at_hand = batch;
  } else if (batch.count != 0) {
    depots[index].give(batch);
  }
  return node;
}

[[gnu::noinline]] void give_slowly(free_node* node, std::size_t index) noexcept {
  node_cache& cache = caches[index];
  if (state_of_caches == cache_state::unused) {
    use_caches();
  }
  if (state_of_caches == cache_state::emptied) {
    magazine alone;
    alone.push(node);
    depots[index].give(alone);
    return;
  }
  if (cache.spare.count != 0) {
    depots[index].give(cache.spare);
  }
  cache.spare = cache.at_hand;
  cache.at_hand = {};
  cache.at_hand.push(node);
}

}  // namespace

void* take_node(std::size_t bytes) {
#ifndef NARKE_NODES_ALONE
  if (bytes <= slab_node_bytes_max && bytes != 0) [[likely]] {
    const std::size_t index = class_of(bytes);
    magazine& at_hand = caches[index].at_hand;
    if (at_hand.count == 0) [[unlikely]] {
      return take_slowly(index);
    }
    void* const taken = at_hand.pop();
    prefetch_node(at_hand.first);
    return taken;
  }
#endif
  return ::operator new(bytes);
}

void give_node(void* memory, std::size_t bytes) noexcept {
#ifndef NARKE_NODES_ALONE
  if (bytes <= slab_node_bytes_max && bytes != 0) [[likely]] {
    const std::size_t index = class_of(bytes);
    magazine& at_hand = caches[index].at_hand;
    auto* node = ::new (memory) free_node;
    if (state_of_caches == cache_state::used && at_hand.count < batch_size) [[likely]] {
      at_hand.push(node);
    } else {
      give_slowly(node, index);
    }
    return;
  }
#endif
  ::operator delete(memory, bytes);
}

std::size_t slab_bytes() noexcept {
  return taken_bytes.load(std::memory_order_relaxed);
}

}  // namespace narke::internal
