// Stands for std::atomic, std::mutex, the futex and yield in copies of the product's own sources
// (see explore.py): each operation on one of them is a point at which another thread may go on.
// Threads are fibres, and a seed decides who goes on. Every history is sequentially consistent: the
// memory orders that the sources name are not explored. What a wrong order would do is for
// ThreadSanitizer and the stress tests.
//
// Two ways to choose, by turns of the seed: any thread that can go on, each time anew; or by
// priorities that change at a few points (after Burckhardt et al., "A randomized scheduler with
// probabilistic guarantees of finding bugs", ASPLOS 2010), which keeps one thread back for long.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

namespace narke_test::explored {

/// What one seed came to.
struct outcome {
  std::string failure;  ///< empty: none
  int points = 0;
};

using bodies = std::vector<std::function<void()>>;

/// One small world: threads, and what must hold when all have ended.
class scene {
 public:
  virtual ~scene() = default;
  [[nodiscard]] virtual bodies threads() = 0;
  /// By check().
  virtual void at_end() = 0;
};

/// Runs one scene; `seed` decides everything. A scene that has failed is left as it stands.
[[nodiscard]] outcome run(std::uint64_t seed, scene& of);

/// Notes the first thing that does not hold; the run ends there.
void check(bool holds, const char* what);
/// A random number below `bound`, by the seed.
[[nodiscard]] std::uint32_t random_below(std::uint32_t bound);

/// Whether the bug of that name, which explore.py writes into the copies, is switched on.
[[nodiscard]] bool planted(const char* bug);
/// Null: none.
void plant(const char* bug);

// The points. Outside of a run they do nothing.

void point();
void yield();
/// Waits at `place` until woken. False: its time was up.
bool sleep(const void* place, bool has_deadline);
void wake(const void* place, int count);

template <class T>
class atomic {
 public:
  constexpr atomic() noexcept = default;
  constexpr atomic(T value) noexcept : value_{value} {}  // NOLINT: as std::atomic
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  template <class... Order>
  T load(Order...) const noexcept {
    point();
    return value_;
  }
  template <class... Order>
  void store(T value, Order...) noexcept {
    point();
    value_ = value;
  }
  template <class... Order>
  T exchange(T value, Order...) noexcept {
    point();
    const T before = value_;
    value_ = value;
    return before;
  }
  template <class... Order>
  bool compare_exchange_strong(T& expected, T wanted, Order...) noexcept {
    point();
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    value_ = wanted;
    return true;
  }
  /// Now and then it fails for nothing.
  template <class... Order>
  bool compare_exchange_weak(T& expected, T wanted, Order...) noexcept {
    return random_below(8) != 0 && compare_exchange_strong(expected, wanted);
  }
  template <class... Order>
  T fetch_add(T by, Order...) noexcept {
    return exchange_by([by](T value) { return static_cast<T>(value + by); });
  }
  template <class... Order>
  T fetch_sub(T by, Order...) noexcept {
    return exchange_by([by](T value) { return static_cast<T>(value - by); });
  }
  template <class... Order>
  T fetch_and(T by, Order...) noexcept {
    return exchange_by([by](T value) { return static_cast<T>(value & by); });
  }
  operator T() const noexcept { return load(); }  // NOLINT: as std::atomic
  T operator=(T value) noexcept {                 // NOLINT: as std::atomic
    store(value);
    return value;
  }

 private:
  template <class Change>
  T exchange_by(Change change) noexcept {
    point();
    const T before = value_;
    value_ = change(before);
    return before;
  }

  T value_{};
};

class mutex {
 public:
  void lock() {
    point();
    while (is_locked_) {
      sleep(this, false);
    }
    is_locked_ = true;
  }
  void unlock() {
    is_locked_ = false;
    wake(this, 1'000);
    point();
  }

 private:
  bool is_locked_ = false;
};

/// The system call, as far as the product uses it: waits with an absolute time or without, and
/// wakes. Waits may end for nothing; those with a time end by it when the seed says so.
long futex(atomic<std::uint32_t>* word, int operation, std::uint32_t value, const timespec* until,
           std::nullptr_t, unsigned bits);

}  // namespace narke_test::explored
