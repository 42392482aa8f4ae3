#include "base/node_slabs.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "base/forked_child.hpp"
#include "base/needed_memory.hpp"
#include "base/prefetch.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NARKE_NODES_ALONE 1
#endif

namespace narke::internal {

namespace {

// A class of sizes for each number of cache lines.
constexpr std::size_t class_count = slab_node_bytes_max / line_bytes;
constexpr std::size_t slab_size_bytes = std::size_t{64} << 10;
// Of a class that has so many bytes already, the slabs are of whole large pages: several, as the
// system's allocator may take one more for each slab, in addresses.
constexpr std::size_t many_bytes = std::size_t{8} << 20;
constexpr std::size_t large_page_bytes = std::size_t{2} << 20;
constexpr std::size_t large_slab_bytes = 8 * large_page_bytes;
constexpr std::align_val_t line_alignment{line_bytes};

// Some free nodes of one class. It lies in one of them, which goes last, and has the addresses of
// the others side by side: those that are taken soon are fetched together, while a walk from node
// to node would wait for each.
struct batch {
  explicit batch(std::size_t node_bytes) noexcept
      : others_max{static_cast<std::uint16_t>(
            std::min<std::size_t>((node_bytes - sizeof(batch)) / sizeof(void*), 31))} {}

  /// So many nodes before it is taken each is fetched that is far.
  [[nodiscard]] std::uint32_t ahead() const noexcept { return others_max / 2U; }

  batch* next = nullptr;     // in a depot
  std::uint32_t others = 0;  // at addresses()
  // So many of them, the first, may lie with another core, or in memory: those of a batch from the
  // depot. What this thread has given since, it has in its cache.
  std::uint16_t far = 0;
  const std::uint16_t others_max;

  // Behind it in its node.
  [[nodiscard]] void** addresses() noexcept { return reinterpret_cast<void**>(this + 1); }
};

constinit std::atomic<std::size_t> taken_bytes{0};

// What all threads share of one class: batches, and the rest of the newest slab.
class depot {
 public:
  /// One, and in `next` another of those that were given back, or null. Throws std::bad_alloc.
  batch* take(std::size_t node_bytes, batch*& next) {
    if (is_forked_child()) [[unlikely]] {  // see give
      return ::new (::operator new(node_bytes, line_alignment)) batch{node_bytes};
    }
    const std::lock_guard lock{mutex_};
    if (batches_ == nullptr) {
      return carve_locked(node_bytes);
    }
    batch* const taken = take_given_locked(node_bytes);
    next = take_given_locked(node_bytes);
    return taken;
  }
  /// One of those that were given back, or null.
  batch* take_given(std::size_t node_bytes) noexcept {
    if (is_forked_child()) [[unlikely]] {
      return nullptr;
    }
    const std::lock_guard lock{mutex_};
    return take_given_locked(node_bytes);
  }
  void give(batch* given) noexcept {
    // A thread of the parent may have had the lock when it forked, and nobody gives it back. A
    // child that lets go of what it was born with makes no task any more: the batch is left.
    if (is_forked_child()) [[unlikely]] {
      return;
    }
    const std::lock_guard lock{mutex_};
    given->next = batches_;
    batches_ = given;
  }

 private:
  batch* take_given_locked(std::size_t node_bytes) noexcept {
    batch* const taken = batches_;
    if (taken != nullptr) {
      taken->far = static_cast<std::uint16_t>(taken->others);
      batches_ = taken->next;
      if (batches_ != nullptr) {
        prefetch_node(batches_, node_bytes);
      }
    }
    return taken;
  }
  // They are taken in the order of their addresses.
  batch* carve_locked(std::size_t node_bytes) {
    if (static_cast<std::size_t>(end_ - begin_) < node_bytes) {
      add_slab_locked();
    }
    const std::size_t left = static_cast<std::size_t>(end_ - begin_) / node_bytes;
    const std::size_t others = std::min<std::size_t>(left - 1, batch{node_bytes}.others_max);
    auto* const carved = ::new (static_cast<void*>(begin_ + others * node_bytes)) batch{node_bytes};
    carved->others = static_cast<std::uint32_t>(others);
    carved->far = static_cast<std::uint16_t>(others);
    for (std::size_t i = 0; i != others; ++i) {
      carved->addresses()[others - 1 - i] = begin_ + i * node_bytes;
    }
    begin_ += (others + 1) * node_bytes;
    taken_bytes.fetch_add((others + 1) * node_bytes, std::memory_order_relaxed);
    return carved;
  }

  // A million tasks lie in 50,000 small pages, and nearly each use of one would look up its page
  // in memory.
  void add_slab_locked() {
    std::size_t bytes = large_slab_bytes;
    void* slab = nullptr;
    if (slabs_bytes_ >= many_bytes) {
      const memory_refusable it_can_be_smaller;
      slab = ::operator new(bytes, std::align_val_t{large_page_bytes}, std::nothrow);
    }
    if (slab != nullptr) {
      static_cast<void>(::madvise(slab, bytes, MADV_HUGEPAGE));  // where there are such pages
    } else {
      bytes = slab_size_bytes;
      slab = ::operator new(bytes, line_alignment);
    }
    begin_ = static_cast<std::byte*>(slab);
    end_ = begin_ + bytes;
    slabs_bytes_ += bytes;
  }

  std::mutex mutex_;
  batch* batches_ = nullptr;
  std::size_t slabs_bytes_ = 0;
  std::byte* begin_ = nullptr;
  std::byte* end_ = nullptr;
};

// What one thread has of one class: it takes from `at_hand` and gives to it; `spare` is full, so
// that a thread that takes and gives around a full batch does not go to the depot each time. Either
// may be null.
struct node_cache {
  batch* at_hand = nullptr;
  batch* spare = nullptr;
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
      for (batch** each : {&caches[i].at_hand, &caches[i].spare}) {
        if (*each != nullptr) {
          depots[i].give(std::exchange(*each, nullptr));
        }
      }
    }
  }
  void begin() noexcept { state_of_caches = cache_state::used; }
};

void use_caches() {
  thread_local cache_emptier emptier;
  emptier.begin();
}

// class_count or more of those that are too large, and of 0.
std::size_t class_of(std::size_t bytes) noexcept {
  return (bytes - 1) / line_bytes;
}
constexpr std::size_t bytes_of(std::size_t index) noexcept {
  return (index + 1) * line_bytes;
}

// The first of the far ones of the batch at hand is taken: one of those behind it is fetched.
inline void prefetch_ahead(node_cache& cache, std::size_t index, std::uint32_t left) noexcept {
  batch* const from = cache.at_hand;
  from->far = static_cast<std::uint16_t>(left);
  const std::uint32_t ahead = from->ahead();
  if (left >= ahead) {
    prefetch_node(from->addresses()[left - ahead], bytes_of(index));
  } else if (batch* const next = cache.spare; next != nullptr && next->others >= ahead - left) {
    prefetch_node(next->addresses()[next->others - (ahead - left)], bytes_of(index));
  }
}

// The newest of the batch at hand, and at last the node that it lies in. Requires: there is one.
inline void* take_from(node_cache& cache, std::size_t index) noexcept {
  batch* const from = cache.at_hand;
  if (from->others == 0) {
    return std::exchange(cache.at_hand, nullptr);
  }
  const std::uint32_t left = --from->others;
  if (left < from->far) {
    prefetch_ahead(cache, index, left);
  }
  return from->addresses()[left];
}

// Of a thread that has given its caches up, at its end.
void* take_from_depot(std::size_t index) {
  batch* next = nullptr;
  batch* const from = depots[index].take(bytes_of(index), next);
  if (next != nullptr) {
    depots[index].give(next);
  }
  if (from->others == 0) {
    return from;
  }
  void* const taken = from->addresses()[--from->others];
  depots[index].give(from);
  return taken;
}

[[gnu::noinline]] void* take_slowly(std::size_t index) {
  if (state_of_caches == cache_state::unused) {
    use_caches();
  }
  if (state_of_caches == cache_state::emptied) {
    return take_from_depot(index);
  }
  node_cache& cache = caches[index];
  if (cache.spare != nullptr) {
    cache.at_hand = std::exchange(cache.spare, nullptr);
    cache.spare = depots[index].take_given(bytes_of(index));
  } else {
    batch* const from = depots[index].take(bytes_of(index), cache.spare);
    for (std::uint32_t i = from->others; i != 0 && from->others - i != from->ahead(); --i) {
      prefetch_node(from->addresses()[i - 1], bytes_of(index));
    }
    cache.at_hand = from;
  }
  return take_from(cache, index);
}

[[gnu::noinline]] void give_slowly(void* node, std::size_t index) noexcept {
  if (state_of_caches == cache_state::unused) {
    use_caches();
  }
  auto* const alone = ::new (node) batch{bytes_of(index)};
  if (state_of_caches == cache_state::emptied) {
    depots[index].give(alone);
    return;
  }
  node_cache& cache = caches[index];
  if (cache.at_hand != nullptr) {
    if (cache.spare != nullptr) {
      depots[index].give(cache.spare);
    }
    cache.spare = cache.at_hand;
  }
  cache.at_hand = alone;
}

}  // namespace

void* take_node(std::size_t bytes) {
#ifndef NARKE_NODES_ALONE
  if (const std::size_t index = class_of(bytes); index < class_count) [[likely]] {
    node_cache& cache = caches[index];
    return cache.at_hand != nullptr ? take_from(cache, index) : take_slowly(index);
  }
#endif
  return ::operator new(bytes, line_alignment);
}

void give_node(void* memory, std::size_t bytes) noexcept {
#ifndef NARKE_NODES_ALONE
  if (const std::size_t index = class_of(bytes); index < class_count) [[likely]] {
    batch* const at_hand = caches[index].at_hand;
    if (at_hand != nullptr && at_hand->others != at_hand->others_max) [[likely]] {
      at_hand->addresses()[at_hand->others++] = memory;
    } else {
      give_slowly(memory, index);
    }
    return;
  }
#endif
  ::operator delete(memory, bytes, line_alignment);
}

std::size_t slab_bytes() noexcept {
  return taken_bytes.load(std::memory_order_relaxed);
}

}  // namespace narke::internal
