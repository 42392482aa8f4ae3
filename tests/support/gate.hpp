// What tests use to hold tasks where they want them, without sleeps. The state is shared with the
// tasks, so it outlives a test that fails half-way, and a gate opens when its owner goes, so that
// such a test ends.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

namespace narke_test {

/// Closed until `open()` or its end. Tasks take a `waiter()`.
class gate {
 public:
  class waiter_type {
   public:
    explicit waiter_type(std::shared_ptr<std::atomic<bool>> opened) : opened_{std::move(opened)} {}
    void operator()() const { opened_->wait(false); }

   private:
    std::shared_ptr<std::atomic<bool>> opened_;
  };

  gate() = default;
  ~gate() { open(); }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

  void open() {
    opened_->store(true);
    opened_->notify_all();
  }

  [[nodiscard]] waiter_type waiter() const { return waiter_type{opened_}; }

 private:
  std::shared_ptr<std::atomic<bool>> opened_ = std::make_shared<std::atomic<bool>>(false);
};

/// A number that tasks raise and tests wait for. Copies share it.
class tally {
 public:
  int add(int n = 1) const {
    const int after = *count_ += n;
    count_->notify_all();
    return after;
  }

  [[nodiscard]] int value() const { return count_->load(); }

  void wait_for(int n) const {
    for (int seen = value(); seen < n; seen = value()) count_->wait(seen);
  }

 private:
  std::shared_ptr<std::atomic<int>> count_ = std::make_shared<std::atomic<int>>(0);
};

/// For what has no condition to wait on: asks again for up to 30 s.
template <typename Predicate>
bool eventually(Predicate&& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace narke_test
