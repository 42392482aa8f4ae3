// A coroutine task that waits, for one slot and then for another: who ends a wait, who goes on.
#include <worker/co_wait.hpp>

#include <array>
#include <deque>
#include <mutex>
#include <stdexcept>

#include <interleaving/exploring.hpp>

namespace narke_test {
namespace {

using explored::check;
using narke::detail::dependent;
using narke::detail::result_slot;
using narke::detail::task_node;
using narke::detail::task_state;
using narke::internal::co_wait;

class plain_slot final : public narke::detail::typed_slot<int> {
 private:
  void let_go() noexcept override { destroy_value(); }
};

class coroutine_task final : public task_node {
 public:
  coroutine_task() : task_node{1} {}
  ~coroutine_task() override { result_.destroy_value(); }

  void invoke() noexcept override {}
  void fail(const std::exception_ptr& error) noexcept override { result_.set_error(error); }
  void clear_results() noexcept override {}
  void let_go_arguments() noexcept override {}
  std::uint32_t register_dependencies() noexcept override { return 0; }
  void visit_arguments(bool (*)(void*, const result_slot&), void*) const override {}
  result_slot* slot(std::size_t) noexcept override { return &result_; }
  [[nodiscard]] std::size_t slot_count() const noexcept override { return 1; }

 private:
  plain_slot result_;
};

class watched_wait final : public co_wait {
 public:
  explicit watched_wait(task_node& node) : co_wait{node} {}
  bool is_early = false;
  int gone = 0;

 private:
  // The memory stays until the end, so that a touch that comes too late is seen by the checks.
  void let_go() noexcept override { check(++gone == 1, "a wait was let go twice"); }
};

// The steps of each thread are those of src/worker and src/api.
class two_waits : public explored::scene {
 public:
  explored::bodies threads() override {
    return {[this] { begin_wait(); }, [this] { produce(0); }, [this] { produce(1); },
            [this] { cancel(); },     [this] { look(); },     [this] { go_on(); }};
  }
  void at_end() override {
    check(has_ended_, "the body has not ended");
    check(!is_queued_, "it is still queued");
    for (std::size_t i = 0; i != waits_.size(); ++i) {
      check(waits_[i].gone == 1, "a wait was kept");
    }
  }

 private:
  // Listed, opened, and hung on its slot.
  void begin_wait() {
    watched_wait& wait = waits_.emplace_back(task_);
    {
      const std::lock_guard lock{list_mutex_};
      listed_ = &wait;
    }
    if (wait_once(wait)) {
      resume();
    }
  }
  bool wait_once(watched_wait& wait) {
    wait.open();
    if (!wait.hang_on(slots_[waits_.size() - 1]) && wait.take()) {
      static_cast<void>(task_.one_ready());
    }
    if (task_.slot(0)->look_for_stop() && wait.take()) {
      wait.is_early = true;
      static_cast<void>(task_.one_ready());
    }
    return task_.one_ready();
  }
  void one_argument_ready() {
    if (task_.one_ready()) {
      check(!task_.make_ready(), "a task that has begun was made ready");
      check(task_.state() == task_state::suspended, "it goes on though it is not suspended");
      resume();
    }
  }
  void resume() {
    check(!is_looked_at_, "it goes on while somebody looks");
    check(!is_queued_, "it was queued twice");
    check(!runs_, "it was queued while it runs");
    task_.set_state(task_state::claimed);
    is_queued_ = true;
  }
  void produce(std::size_t which) {
    plain_slot& slot = slots_[which];
    slot.emplace_from([] { return 3; });
    static_cast<void>(slot.settle());
    for (dependent* each = slot.close(); each != nullptr;) {
      dependent* const next = each->next;
      co_wait& wait = co_wait::of(*each);
      if (wait.take()) {
        one_argument_ready();
      }
      wait.release();
      each = next;
    }
  }
  void cancel() {
    if (!task_.slot(0)->mark_stop()) {
      return;
    }
    bool is_taken = false;
    {
      const std::lock_guard lock{list_mutex_};
      if (listed_ != nullptr && listed_->take()) {
        listed_->is_early = true;
        is_taken = true;
      }
    }
    if (is_taken) {
      one_argument_ready();
    }
  }
  void look() {
    if (task_.state() != task_state::suspended || !task_.count_looker()) {
      return;
    }
    if (task_.state() == task_state::suspended) {
      is_looked_at_ = true;
      explored::point();
      check(task_.state() == task_state::suspended, "it went on while somebody looked");
      is_looked_at_ = false;
    }
    one_argument_ready();
  }
  void go_on() {
    while (!has_ended_) {
      while (!is_queued_) {
        explored::yield();
      }
      is_queued_ = false;
      runs_ = true;
      {
        const std::lock_guard lock{list_mutex_};
        listed_ = nullptr;
      }
      task_.set_state(task_state::running);
      watched_wait& wait = waits_.back();
      const std::size_t which = waits_.size() - 1;
      check(wait.is_early || slots_[which].is_ready(), "it goes on without what it waited for");
      const bool is_over =
          wait.is_early || task_.slot(0)->is_marked_to_stop() || which + 1 == slots_.size();
      wait.release();
      runs_ = false;
      if (is_over) {
        end();
      } else {
        begin_wait();
      }
    }
  }
  void end() {
    task_.set_state(task_state::finished);
    if (!task_.slot(0)->settle()) {
      task_.slot(0)->settle_stopped();
    }
    has_ended_ = true;
  }

  coroutine_task task_;
  std::array<plain_slot, 2> slots_;
  std::deque<watched_wait> waits_;
  explored::mutex list_mutex_;
  watched_wait* listed_ = nullptr;
  bool is_looked_at_ = false;
  bool runs_ = false;
  explored::atomic<bool> is_queued_{false};
  explored::atomic<bool> has_ended_{false};
};

TEST(co_wait, is_ended_by_one_and_the_task_goes_on_once) { expect_holds<two_waits>(); }
TEST(co_wait, bug_taken_without_a_race_for_it) {
  expect_found<two_waits>("co_wait: who ends it does not ask who was first");
}
TEST(co_wait, bug_opened_before_it_is_counted) {
  expect_found<two_waits>("co_wait: it is opened before it is counted");
}
TEST(co_wait, bug_an_entry_has_no_hold) {
  expect_found<two_waits>("co_wait: the entry is on the list before it has a hold");
}
TEST(co_wait, bug_who_hangs_it_on_does_not_count) {
  expect_found<two_waits>("co_wait: who hangs the entry on is not counted");
}

}  // namespace
}  // namespace narke_test
