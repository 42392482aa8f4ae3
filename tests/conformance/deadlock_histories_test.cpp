// Random programs whose tasks and actor calls wait for each other, on real threads. A model says
// who can never go on, whatever the threads do: those get a deadlock_error, or one of them does and
// frees the others; nobody else ever does. tests/simulation has the same by the thousand, with
// resources, on one thread.
#include <support/runtime_fixture.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>

namespace {

struct member {
  bool is_call = false;        // of the history's actor, one at a time, in order
  std::vector<std::size_t> wants;
  std::size_t goal = 0;        // all of them: by get, else by wait
};

using refs = std::vector<narke::object_ref<int>>;
using mailbox = narke::promise<refs>;

int run_member(const member& self, const refs& all) {
  refs wanted;
  for (const std::size_t index : self.wants) wanted.push_back(all[index]);
  if (wanted.empty()) return 1;
  if (self.goal == wanted.size()) {
    int sum = 1;
    for (const int each : narke::get(wanted)) sum += each > 0 ? 1 : 0;
    return sum;
  }
  const auto [ready, pending] = narke::wait(wanted, {.num_returns = self.goal});
  return static_cast<int>(ready.size() + 1);
}

struct one_at_a_time {
  int call(const member& self, const refs& all) { return run_member(self, all); }
};

class history {
 public:
  explicit history(unsigned seed) : random_{seed}, members_(2 + below(5)) {
    for (member& each : members_) {
      each.is_call = below(3) == 0;
      for (std::size_t i = below(3); i > 0; --i) {
        const std::size_t target = below(members_.size());
        if (std::find(each.wants.begin(), each.wants.end(), target) == each.wants.end()) {
          each.wants.push_back(target);
        }
      }
      each.goal = each.wants.empty() || below(2) == 0 ? each.wants.size()
                                                      : 1 + below(each.wants.size());
    }
  }

  // Each waits for what is made after it too: all refs come by a promise, which bodies look at as
  // values, so that nobody waits for it but by its argument.
  void begin() {
    actor_ = narke::actor<one_at_a_time>().remote();
    for (const member& each : members_) {
      all_.push_back(each.is_call ? actor_.task(&one_at_a_time::call).remote(each, box_.ref())
                                  : narke::task(run_member).remote(each, box_.ref()));
    }
    box_.set_value(all_);
  }

  void check() {
    const std::vector<bool> ends = may_end();
    bool is_told = false;
    for (std::size_t i = 0; i != all_.size(); ++i) {
      std::optional<int> value;
      try {
        value = narke::get(all_[i]);
      } catch (const narke::deadlock_error&) {
        is_told = true;
      }
      EXPECT_TRUE(value.has_value() || !ends[i]) << "member " << i << " is no part of a deadlock";
    }
    EXPECT_EQ(is_told, std::find(ends.begin(), ends.end(), false) != ends.end());
    all_.clear();
  }

  [[nodiscard]] bool has_deadlock() const {
    const std::vector<bool> ends = may_end();
    return std::find(ends.begin(), ends.end(), false) != ends.end();
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  [[nodiscard]] std::vector<bool> may_end() const {
    std::vector<bool> ended(members_.size());
    for (bool changed = true; changed;) {
      changed = false;
      bool earlier_calls_end = true;
      for (std::size_t i = 0; i != members_.size(); ++i) {
        const member& self = members_[i];
        const auto come = std::count_if(self.wants.begin(), self.wants.end(),
                                        [&](std::size_t target) { return ended[target]; });
        const bool begins = !self.is_call || earlier_calls_end;
        if (!ended[i] && begins && static_cast<std::size_t>(come) >= self.goal) {
          ended[i] = true;
          changed = true;
        }
        earlier_calls_end = earlier_calls_end && (!self.is_call || ended[i]);
      }
    }
    return ended;
  }

  std::mt19937 random_;
  std::vector<member> members_;
  mailbox box_;
  refs all_;
  narke::actor_handle<one_at_a_time> actor_;
};

class deadlock_history : public narke_test::two_cpus_test {};

TEST_F(deadlock_history, is_told_to_those_that_can_never_go_on_and_to_nobody_else) {
  int deadlocks = 0;
  for (unsigned batch = 0; batch != 6; ++batch) {
    std::vector<std::unique_ptr<history>> histories;
    for (unsigned i = 0; i != 12; ++i) {
      histories.push_back(std::make_unique<history>(batch * 12 + i));
      histories.back()->begin();
    }
    for (unsigned i = 0; i != 12; ++i) {
      SCOPED_TRACE(batch * 12 + i);
      deadlocks += histories[i]->has_deadlock() ? 1 : 0;
      histories[i]->check();
    }
  }
  EXPECT_GT(deadlocks, 10);
  EXPECT_LT(deadlocks, 62);
}

}  // namespace
