// The inbox of an actor: callers, the turn that runs their calls, and who kills the actor.
#include <actor/call_inbox.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <utility>

#include <interleaving/exploring.hpp>

namespace narke_test {
namespace {

using explored::check;
using narke::detail::runnable;

// The steps are those of src/actor/actor_core.cpp, for an actor that runs one call at a time.
template <bool IsKilled>
class callers_and_a_turn : public explored::scene {
 public:
  explored::bodies threads() override {
    explored::bodies all{[this] { call(0); }, [this] { call(1); }, [this] { work(); }};
    if (IsKilled) {
      all.push_back([this] { kill(); });
    }
    return all;
  }
  void at_end() override {
    for (const auto& own : calls_) {
      for (const one_call& each : own) {
        check(each.outcomes == 1, "a call neither ran nor failed");
      }
    }
    check(inbox_.empty() && mailbox_.empty(), "a call was left");
    check(!is_scheduled_, "a turn was left");
  }

 private:
  struct one_call : runnable {
    std::size_t caller = 0;
    int number = 0;
    int outcomes = 0;
  };
  static constexpr int calls_each = 3;

  void call(std::size_t caller) {
    for (int i = 0; i != calls_each; ++i) {
      one_call& each = calls_[caller][static_cast<std::size_t>(i)];
      each.caller = caller;
      each.number = i;
      if (inbox_.put(each)) {
        wake_up();
      }
    }
  }
  void wake_up() {
    std::deque<one_call*> late;
    {
      const std::lock_guard lock{mutex_};
      if (is_dead_) {
        inbox_.set_unwatched();
        move_on();
        late.swap(mailbox_);
      } else {
        move_on();
        is_scheduled_ = is_scheduled_ || has_more();
      }
    }
    fail(late);
  }
  // A worker: it runs the turn whenever that is scheduled.
  void work() {
    while (done_ != 2 * calls_each) {
      if (is_scheduled_) {
        take_turn();
      } else {
        explored::yield();
      }
    }
    while (is_scheduled_) {
      take_turn();
    }
  }
  void take_turn() {
    for (;;) {
      one_call* next = nullptr;
      {
        const std::lock_guard lock{mutex_};
        if (mailbox_.empty()) {
          move_on();
        }
        if (!is_dead_ && !mailbox_.empty()) {
          next = mailbox_.front();
          mailbox_.pop_front();
        }
      }
      if (next == nullptr) {
        break;
      }
      check(next->number == ran_[next->caller]++, "a call ran before an earlier one");
      end(*next);
    }
    const std::lock_guard lock{mutex_};
    is_scheduled_ = has_more() && !is_dead_;
  }
  bool has_more() {
    if (mailbox_.empty()) {
      if (explored::planted("inbox: looked into before the flag is set back")) {
        move_on();
        inbox_.set_unwatched();
      } else {
        inbox_.set_unwatched();
        move_on();
      }
      if (!mailbox_.empty() && (!is_dead_ || explored::planted("inbox: dead, and watched"))) {
        inbox_.set_watched();
      }
    }
    return !mailbox_.empty();
  }
  void kill() {
    std::deque<one_call*> taken;
    {
      const std::lock_guard lock{mutex_};
      is_dead_ = true;
      inbox_.set_unwatched();
      move_on();
      taken.swap(mailbox_);
    }
    fail(taken);
  }
  void move_on() {
    inbox_.take_all([this](runnable& each) { mailbox_.push_back(&static_cast<one_call&>(each)); });
  }
  void fail(const std::deque<one_call*>& calls) {
    for (one_call* each : calls) {
      end(*each);
    }
  }
  void end(one_call& call) {
    check(++call.outcomes == 1, "a call had two outcomes");
    done_.fetch_add(1);
  }

  narke::internal::call_inbox inbox_;
  explored::mutex mutex_;
  // Guarded by the mutex.
  std::deque<one_call*> mailbox_;
  bool is_dead_ = false;

  explored::atomic<bool> is_scheduled_{false};  // written under the mutex
  explored::atomic<int> done_{0};
  std::array<std::array<one_call, calls_each>, 2> calls_;
  std::array<int, 2> ran_{};
};

TEST(call_inbox, every_call_runs_in_the_order_of_its_caller) {
  expect_holds<callers_and_a_turn<false>>();
}
TEST(call_inbox, every_call_runs_or_fails_when_the_actor_dies) {
  expect_holds<callers_and_a_turn<true>>();
}
TEST(call_inbox, bug_the_flag_is_looked_at_before_the_call_is_in) {
  expect_found<callers_and_a_turn<false>>("inbox: the flag is looked at before the call is in");
}
TEST(call_inbox, bug_looked_into_before_the_flag_is_set_back) {
  expect_found<callers_and_a_turn<false>>("inbox: looked into before the flag is set back");
}
TEST(call_inbox, bug_dead_and_watched) {
  expect_found<callers_and_a_turn<true>>("inbox: dead, and watched");
}

}  // namespace
}  // namespace narke_test
