// The state machine of a task: who claims it, who looks at it while it waits, who has its outcome.
#include <narke/detail/task_node.hpp>

#include <array>
#include <deque>
#include <memory>
#include <stdexcept>

#include <interleaving/exploring.hpp>

namespace narke_test {
namespace {

using explored::check;
using narke::detail::dependent;
using narke::detail::result_slot;
using narke::detail::task_node;
using narke::detail::task_state;

class plain_slot final : public narke::detail::typed_slot<int> {
 private:
  void let_go() noexcept override { destroy_value(); }
};

struct history {
  int bodies = 0;
  int failures = 0;
  int gone = 0;
  bool is_looked_at = false;
};

// Two arguments, one result; it has no lane but the scene's.
class watched_task final : public task_node {
 public:
  watched_task(std::size_t references, std::array<plain_slot, 2>& arguments, history& past)
      : task_node{references}, arguments_{arguments}, past_{past} {
    has_ref_arguments = true;
  }

  void invoke() noexcept override {
    check(!past_.is_looked_at, "it runs while somebody looks at its arguments");
    check(++past_.bodies + past_.failures == 1, "it ran twice, or ran and failed");
    check(arguments_[0].is_ready() && arguments_[1].is_ready(), "it runs without its arguments");
    result_.emplace_from([this] { return arguments_[0].value() + arguments_[1].value(); });
  }
  void fail(const std::exception_ptr& error) noexcept override {
    check(!past_.is_looked_at, "it fails while somebody looks at its arguments");
    check(++past_.failures + past_.bodies == 1, "it failed twice, or ran and failed");
    result_.set_error(error);
  }
  void clear_results() noexcept override { result_.destroy_value(); }
  void let_go_arguments() noexcept override {}
  std::uint32_t register_dependencies() noexcept override {
    const bool first = depend_on(arguments_[0], entries_[0]);
    const bool second = depend_on(arguments_[1], entries_[1]);
    return (first ? 1U : 0U) + (second ? 1U : 0U);
  }
  void visit_arguments(bool (*)(void*, const result_slot&), void*) const override {}
  result_slot* slot(std::size_t) noexcept override { return &result_; }
  [[nodiscard]] std::size_t slot_count() const noexcept override { return 1; }

 private:
  ~watched_task() override {
    check(++past_.gone == 1, "it was let go twice");
    result_.destroy_value();
    result_.set_error(nullptr);  // its last reference is never dropped
  }

  std::array<plain_slot, 2>& arguments_;
  history& past_;
  std::array<dependent, 2> entries_;
  plain_slot result_;
};

// A task that is submitted, gets its arguments, and is run, run in place, cancelled and looked at,
// all at once. The steps of each are those of src/worker and src/api.
class one_task : public explored::scene {
 public:
  explored::bodies threads() override {
    return {[this] { submit(); },  [this] { produce(0); }, [this] { produce(1); },
            [this] { cancel(); },  [this] { look(); },     [this] { run_in_place(); },
            [this] { run_queue(); }};
  }
  void at_end() override {
    check(past_.bodies + past_.failures == 1, "it neither ran nor failed");
    check(task_->slot(0)->is_ready(), "its result was not published");
    check(task_->state() == task_state::finished, "it is not finished");
    check(queue_.empty(), "it is still queued");
    check(past_.gone == 0, "it was let go while somebody has it");
    task_->release_ref();
    check(past_.gone == 1, "a reference was kept");
  }

 private:
  // One reference for the queue, one for the scene.
  static constexpr std::size_t references = 2;

  void submit() {
    const std::uint32_t registered = task_->register_dependencies();
    task_->set_state(task_state::waiting);
    if (task_->end_registration(registered)) {
      arguments_are_ready();
    }
  }
  void produce(std::size_t which) {
    plain_slot& slot = arguments_[which];
    slot.emplace_from([] { return 3; });
    static_cast<void>(slot.settle());
    for (dependent* each = slot.close(); each != nullptr; each = each->next) {
      task_->note_argument(false);
      one_argument_ready();
    }
  }
  void one_argument_ready() {
    if (task_->one_ready()) {
      arguments_are_ready();
    }
  }
  void arguments_are_ready() {
    check(!is_sent_on_, "its last argument came twice");
    if (task_->make_ready()) {
      check(arguments_[0].is_ready() && arguments_[1].is_ready(), "ready without its arguments");
      check(queue_.empty() && !was_queued_, "it was queued twice");
      was_queued_ = true;
      queue_.push_back(task_);
    } else {
      task_->release_ref();  // it was cancelled while it waited
    }
    is_sent_on_ = true;
  }
  void cancel() {
    for (const task_state from : {task_state::waiting, task_state::ready}) {
      if (task_->claim(from)) {
        task_->fail(std::make_exception_ptr(std::runtime_error{"cancelled"}));
        publish();
        return;
      }
    }
  }
  void look() {
    if (!task_->count_looker()) {
      return;
    }
    if (task_->begin_inspection()) {
      past_.is_looked_at = true;
      explored::point();
      past_.is_looked_at = false;
      task_->set_state(task_state::waiting);
    }
    one_argument_ready();
  }
  void run_in_place() {
    if (task_->state() == task_state::ready && task_->claim(task_state::ready)) {
      task_->invoke();
      publish();
    }
  }
  void run_queue() {
    while (!is_sent_on_) {
      explored::yield();
    }
    if (!queue_.empty()) {
      queue_.pop_front();
      if (task_->claim(task_state::ready)) {
        task_->invoke();
        publish();
      }
      task_->release_ref();
    }
  }
  void publish() {
    task_->set_state(task_state::finished);
    static_cast<void>(task_->slot(0)->settle());
    check(task_->slot(0)->close() == nullptr, "somebody waits for nothing");
  }

  history past_;
  std::array<plain_slot, 2> arguments_;
  task_node* const task_ = new watched_task{references, arguments_, past_};
  std::deque<task_node*> queue_;
  bool was_queued_ = false;
  explored::atomic<bool> is_sent_on_{false};
};

TEST(task_node, runs_or_fails_once_whoever_comes) { expect_holds<one_task>(); }
TEST(task_node, bug_looked_at_then_claimed) {
  expect_found<one_task>("node: a task is looked at, then claimed");
}
TEST(task_node, bug_claims_in_an_inspection) {
  expect_found<one_task>("node: who claims does not wait for who looks");
}
TEST(task_node, bug_arguments_in_two_steps) {
  expect_found<one_task>("node: arguments are counted in two steps");
}
TEST(task_node, bug_the_end_of_the_registration_in_two_steps) {
  expect_found<one_task>("node: the end of the registration counts in two steps");
}
TEST(task_node, bug_a_looker_too_late) {
  expect_found<one_task>("node: a looker counts though no argument is missing");
}
TEST(task_node, bug_ready_over_a_claim) {
  expect_found<one_task>("node: ready is written over a claim");
}

// A call whose actor is killed, twice, while its body runs: of the body and the killers, the first
// to ask has the outcome.
class body_and_killers : public explored::scene {
 public:
  body_and_killers() {
    task_->may_end_early = true;
    static_cast<void>(slot().add_dependent(entry_));
  }
  explored::bodies threads() override {
    return {[this] { run(); }, [this] { kill(); }, [this] { kill(); }};
  }
  void at_end() override {
    check(resumed_ == 1, "who waits was not resumed");
    check(slot().failed() == is_killed_, "not the outcome of who was first");
    task_->release_ref();
    check(past_.gone == 1, "a reference was kept");
  }

 private:
  result_slot& slot() { return *task_->slot(0); }
  // The steps of run_body and publish.
  void run() {
    explored::point();
    const bool is_body = task_->body_has_outcome();
    if (!is_body) {
      task_->let_early_end();
    }
    task_->set_state(task_state::finished);
    if (is_body) {
      resume();
    }
    if (!slot().settle()) {
      slot().settle_stopped();
    }
    is_settled_ = true;
  }
  // Those of publish_early.
  void kill() {
    if (!task_->take_outcome_early()) {
      return;
    }
    check(!is_killed_, "killed twice");
    is_killed_ = true;
    slot().set_error(std::make_exception_ptr(std::runtime_error{"killed"}));
    resume();
    static_cast<void>(slot().mark_stop());
    check(!is_settled_, "the body is done with what a killer is about");
    task_->end_early();
  }
  void resume() {
    for (dependent* each = slot().close(); each != nullptr; each = each->next) {
      check(++resumed_ == 1, "who waits was resumed twice");
    }
    check(slot().is_ready(), "published, and not ready");
  }

  history past_;
  std::array<plain_slot, 2> arguments_;
  task_node* const task_ = new watched_task{1, arguments_, past_};
  dependent entry_;
  int resumed_ = 0;
  bool is_killed_ = false;
  bool is_settled_ = false;
};

TEST(task_node, has_one_outcome) { expect_holds<body_and_killers>(); }
TEST(task_node, bug_a_body_does_not_wait) {
  expect_found<body_and_killers>("node: a body does not wait for who ends it early");
}
TEST(task_node, bug_an_early_end_does_not_ask) {
  expect_found<body_and_killers>("node: an early end does not ask who has the outcome");
}

}  // namespace
}  // namespace narke_test
