// How often a stress test repeats: NARKE_STRESS_SCALE multiplies it. For tests of layers below the
// API; those above it have stress/stress_fixture.hpp.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

namespace narke_test {

inline int stress_rounds(int rounds) {
  const char* text = std::getenv("NARKE_STRESS_SCALE");
#ifdef __SANITIZE_THREAD__
  constexpr double usual = 0.5;  // each takes ten times as long
#else
  constexpr double usual = 1.0;
#endif
  const double scale = text != nullptr ? std::atof(text) : usual;
  return std::max(1, static_cast<int>(rounds * scale));
}

/// Where threads meet before they race. Spins: a sleeper would start too late.
class starting_line {
 public:
  explicit starting_line(int threads) : missing_{threads} {}
  void wait() {
    --missing_;
    while (missing_ > 0) {
      std::this_thread::yield();
    }
  }

 private:
  std::atomic<int> missing_;
};

/// Lets a little time go by, so that races meet at different distances.
inline void spin_for(int turns) {
  for (std::atomic<int> turn{0}; turn < turns; turn.fetch_add(1, std::memory_order_relaxed)) {
  }
}

/// Runs `body(index)` on that many threads at once and waits for them.
template <class Body>
void on_threads(int count, Body&& body) {
  starting_line line{count};
  std::vector<std::jthread> threads;
  for (int i = 0; i != count; ++i) {
    threads.emplace_back([&, i] {
      line.wait();
      body(i);
    });
  }
}

}  // namespace narke_test
