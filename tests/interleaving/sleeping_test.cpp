// Who sleeps and who wakes: the parker, and the pool's word of counts with queue and parkers.
#include <worker/failure_watch.hpp>
#include <worker/idle_state.hpp>
#include <worker/injection_queue.hpp>
#include <worker/parker.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>

#include <interleaving/exploring.hpp>

namespace narke_test {
namespace {

using explored::check;
using narke::detail::runnable;
using narke::internal::idle_state;
using narke::internal::parker;

class ping_and_pong : public explored::scene {
 public:
  explored::bodies threads() override {
    return {[this] {
              for (int i = 0; i != 3; ++i) {
                ++at_;
                ping_.wake();
                pong_.wait();
              }
            },
            [this] {
              for (int i = 0; i != 3; ++i) {
                ping_.wait();
                check(at_ == i + 1, "woken by nobody");
                pong_.wake();
              }
            }};
  }
  void at_end() override { check(at_ == 3, "rounds are missing"); }

 private:
  parker ping_;
  parker pong_;
  int at_ = 0;
};

TEST(parker, loses_no_wake) {
  expect_holds<ping_and_pong>();
}
TEST(parker, bug_writes_over_a_wake) {
  expect_found<ping_and_pong>("parker: the sleeper writes over a wake");
}
TEST(parker, bug_does_not_call_the_kernel) {
  expect_found<ping_and_pong>("parker: the waker calls the kernel only by what it saw before");
}

// The sleeper gives up at any moment and comes again.
class waker_and_impatient : public explored::scene {
 public:
  explored::bodies threads() override {
    return {[this] {
              for (int i = 0; i != 3; ++i) {
                place_.wake();
                while (received_ != i + 1) {
                  explored::yield();
                }
              }
            },
            [this] {
              const auto late = std::chrono::steady_clock::now() + std::chrono::hours{1};
              for (int i = 0; i != 3; ++i) {
                while (!place_.wait_until(late)) {
                }
                received_ = received_ + 1;
              }
            }};
  }
  void at_end() override { check(!place_.try_wait(), "a wake too many"); }

 private:
  parker place_;
  explored::atomic<int> received_{0};
};

TEST(parker, loses_no_wake_while_the_sleeper_gives_up) {
  expect_holds<waker_and_impatient>();
}
TEST(parker, bug_gives_up_with_a_wake) {
  expect_found<waker_and_impatient>("parker: who gives up takes a wake with him");
}

class waker_and_owner : public explored::scene {
 public:
  explored::bodies threads() override {
    return {[this, place = place_.get()] { place->wake(); },
            [this] {
              place_->wait();
              place_.reset();
            }};
  }
  void at_end() override { check(place_ == nullptr, "not woken"); }

 private:
  std::unique_ptr<parker> place_ = std::make_unique<parker>();
};

TEST(parker, may_be_gone_when_its_sleeper_saw_the_wake) {
  expect_holds<waker_and_owner>();
}

// Two that wait for many slots by the last, and two that fail: whoever looks too early is told.
class watchers_and_failures : public explored::scene {
 public:
  explored::bodies threads() override {
    const auto fail = [this](std::size_t which) {
      failed_[which].store(true);
      narke::internal::failure_watcher::tell_all();
    };
    const auto wait_for = [this](std::size_t which) {
      for (bool is_over = false; !is_over;) {
        parker place;
        const narke::internal::failure_watcher watch{place};
        is_over = failed_[which].load();
        if (!is_over) {
          place.wait();
        }
      }
      ++told_;
    };
    return {[=] { fail(0); }, [=] { fail(1); }, [=] { wait_for(0); }, [=] { wait_for(1); }};
  }
  void at_end() override { check(told_ == 2, "a failure was not told"); }

 private:
  std::array<explored::atomic<bool>, 2> failed_{};
  int told_ = 0;
};

TEST(failure_watch, loses_no_failure) { expect_holds<watchers_and_failures>(); }
TEST(failure_watch, bug_one_is_told) {
  expect_found<watchers_and_failures>("failures: one watcher is told");
}

constexpr const char* no_second_look = "pool: who falls asleep does not look once more";

// The protocol of idle_state.hpp, step by step: two workers, a permit or two, and pushers who wake
// at most one, or a second when the first is held up, which is thrown.
class small_pool : public explored::scene {
 public:
  explored::bodies threads() override {
    idle_.reset(1 + static_cast<int>(explored::random_below(2)));
    const auto push = [this](std::size_t first) {
      for (std::size_t i = first; i < items_.size(); i += 2) {
        queue_.push(items_[i]);
        notify();
      }
    };
    return {[=] { push(0); }, [=] { push(1); }, [this] { work(0); }, [this] { work(1); }};
  }
  void at_end() override { check(done_ == static_cast<int>(items_.size()), "an item was lost"); }

 private:
  struct item : runnable {
    int runs = 0;
  };

  void notify() {
    const bool wakes = idle_.update([](idle_state::counts& now) {
      const bool is_looked_for = now.searching + now.waking >= 1;
      if ((is_looked_for && explored::random_below(4) != 0) || now.permits <= 0 ||
          now.parked == 0) {
        return false;
      }
      --now.permits;
      ++now.waking;
      --now.parked;
      return true;
    });
    if (wakes) {
      wake_one();
    }
  }
  void wake_one() {
    check(!sleepers_.empty(), "somebody who does not sleep was to be woken");
    const std::size_t sleeper = sleepers_.back();
    sleepers_.pop_back();
    parkers_[sleeper].wake();
  }

  void work(std::size_t self) {
    sleep(self, false, false);
    while (!is_over_) {  // woken by notify, with a permit
      idle_.update([](idle_state::counts& now) {
        check(now.waking > 0, "nobody was woken");
        --now.waking;
        ++now.searching;
        return true;
      });
      bool searching = true;
      while (run_one(searching) || (!searching && (searching = start_searching()))) {
      }
      sleep(self, true, searching);
    }
  }
  bool start_searching() {
    return idle_.update([](idle_state::counts& now) {
      if (now.searching >= 1) {
        return false;
      }
      ++now.searching;
      return true;
    });
  }
  bool run_one(bool& searching) {
    runnable* taken = nullptr;
    if (queue_.pop_some(&taken, 1) == 0) {
      return false;
    }
    if (std::exchange(searching, false)) {
      stop_searching();
    }
    check(++static_cast<item*>(taken)->runs == 1, "an item ran twice");
    if (done_.fetch_add(1) + 1 == static_cast<int>(items_.size())) {
      is_over_ = true;
      parkers_[0].wake();
      parkers_[1].wake();
    }
    return true;
  }
  void stop_searching() {
    bool was_last = false;
    idle_.update([&](idle_state::counts& now) {
      check(now.searching > 0, "nobody searches");
      was_last = --now.searching == 0 && now.waking == 0;
      return true;
    });
    if (was_last && !queue_.empty()) {
      notify();
    }
  }
  void sleep(std::size_t self, bool has_permit, bool searching) {
    sleepers_.push_back(self);
    idle_.update([&](idle_state::counts& now) {
      ++now.parked;
      now.permits += has_permit ? 1 : 0;
      now.searching = static_cast<std::uint16_t>(now.searching - (searching ? 1 : 0));
      return true;
    });
    if (!queue_.empty() && !explored::planted(no_second_look)) {
      notify();
    }
    parkers_[self].wait();
  }

  idle_state idle_;
  narke::internal::basic_injection_queue<2, 4> queue_;
  std::array<parker, 2> parkers_;
  std::vector<std::size_t> sleepers_;
  std::array<item, 4> items_;
  explored::atomic<int> done_{0};
  explored::atomic<bool> is_over_{false};
};

TEST(idle_state, no_item_waits_while_a_permit_and_a_sleeper_are_idle) {
  expect_holds<small_pool>();
}
TEST(idle_state, bug_no_second_look) {
  expect_found<small_pool>(no_second_look);
}
TEST(idle_state, bug_counts_written_over) {
  expect_found<small_pool>("idle: a change is written over what others wrote");
}

}  // namespace
}  // namespace narke_test
