// A result on its way from its producer to those who wait for it: close, join, get, stop; and the
// list of those who wait for a GPU task to be ordered.
#include <narke/detail/gpu_part.hpp>
#include <narke/detail/result_slot.hpp>
#include <narke/detail/task_node.hpp>
#include <task/waiting_room.hpp>
#include <worker/parker.hpp>

#include <array>
#include <stdexcept>

#include <interleaving/exploring.hpp>

// Of the layers above, which no scene comes to.
void narke::detail::release_ref(const task_info&) noexcept { std::abort(); }

namespace narke_test {
namespace {

using explored::check;
using narke::detail::dependent;
using narke::internal::wait_entry;
using narke::internal::wait_group;
using narke::internal::waiting_room;

// Its memory is the scene's, which looks how often it was let go.
class watched_slot final : public narke::detail::typed_slot<int> {
 public:
  int let_go_count = 0;

 private:
  void let_go() noexcept override {
    check(++let_go_count == 1, "a slot was let go twice");
    destroy_value();
  }
};

class one_sleeper final : public wait_group {
 public:
  void sleep() { place_.wait(); }

 private:
  void on_ready(wait_entry&) noexcept override { place_.wake(); }

  narke::internal::parker place_;
};

class producer_and_consumers : public explored::scene {
 public:
  producer_and_consumers() {
    for (int i = 0; i != 4; ++i) {
      slot_.add_ref();  // one for each that reads; the first is the stopper's
    }
  }

  explored::bodies threads() override {
    return {[this] { produce(); }, [this] { depend(0); }, [this] { depend(1); },
            [this] { wait(); },    [this] { wait(); },    [this] { stop(); }};
  }
  void at_end() override {
    for (const int times : resumed_) {
      check(times == 1, "a dependent was not resumed");
    }
    check(slot_.failed() == is_stopped_in_time_, "a stop in time, and a value all the same");
    check(slot_.let_go_count == 1, "the slot was not let go");
  }

 private:
  // The order of narke::internal::publish.
  void produce() {
    slot_.emplace_from([] { return 7; });
    if (!slot_.settle()) {
      slot_.destroy_value();
      slot_.set_error(std::make_exception_ptr(std::runtime_error{"stopped"}));
      slot_.settle_stopped();
    }
    for (dependent* each = slot_.close(); each != nullptr;) {
      dependent* next = each->next;
      resume(static_cast<std::size_t>(each - entries_.data()));
      each = next;
    }
  }
  void resume(std::size_t which) {
    check(++resumed_[which] == 1, "a dependent was resumed twice");
    read();
  }
  void depend(std::size_t which) {
    if (!slot_.add_dependent(entries_[which])) {
      resume(which);
    }
  }
  void wait() {
    one_sleeper sleeper;
    wait_entry entry;
    if (waiting_room::enter(entry, slot_, sleeper)) {
      sleeper.sleep();
      waiting_room::leave(entry, slot_);
    }
    read();
  }
  void stop() {
    is_stopped_in_time_ = slot_.mark_stop();
    slot_.release_ref();
  }
  void read() {
    check(slot_.is_ready(), "woken before it was ready");
    check(slot_.failed() || slot_.value() == 7, "not the value");
    slot_.release_ref();
  }

  watched_slot slot_;
  std::array<dependent, 2> entries_;
  std::array<int, 2> resumed_{};
  bool is_stopped_in_time_ = false;
};

TEST(result_slot, reaches_everybody_once) { expect_holds<producer_and_consumers>(); }
TEST(result_slot, bug_an_entry_on_a_closed_list) {
  expect_found<producer_and_consumers>("slot: an entry goes on a closed list");
}
TEST(result_slot, bug_read_then_closed) {
  expect_found<producer_and_consumers>("slot: the list is read, then closed");
}
TEST(result_slot, bug_the_mark_of_threads_is_lost) {
  expect_found<producer_and_consumers>(
      "slot: a dependent takes the mark of waiting threads away");
}
TEST(result_slot, bug_no_look_for_a_stop) {
  expect_found<producer_and_consumers>("slot: the producer does not look for a stop");
}
TEST(result_slot, bug_a_stop_too_late) {
  expect_found<producer_and_consumers>("slot: a stop that came too late counts as one in time");
}
TEST(result_slot, bug_a_reference_in_two_steps) {
  expect_found<producer_and_consumers>("slot: a reference is dropped in two steps");
}
TEST(waiting_room, bug_marked_before_the_entry) {
  expect_found<producer_and_consumers>("room: a thread marks the slot before its entry is in");
}

class ordered_part final : public narke::detail::gpu_part {
 public:
  void prepare_inputs(visit_input, void*) override {}
  void run_body(narke::gpu_context&) noexcept override {}
  bool try_rewind() noexcept override { return false; }
  void let_go_inputs() noexcept override {}
  [[nodiscard]] std::exception_ptr failed_input() const override { return nullptr; }
  [[nodiscard]] const void* callable_id() const noexcept override { return nullptr; }
};

// Two GPU tasks that wait for a third to be ordered, while its body ends and its device is lost.
class ordered_and_lost : public explored::scene {
 public:
  explored::bodies threads() override {
    return {[this] { close(false); }, [this] { close(true); }, [this] { depend(0); },
            [this] { depend(1); }};
  }
  void at_end() override {
    for (std::size_t i = 0; i != resumed_.size(); ++i) {
      check(resumed_[i] == 1, "a dependent was not resumed");
      check(has_failed_[i] == part_.failed_before_order(), "two say different things");
    }
  }

 private:
  void close(bool failed) {
    for (dependent* each = part_.close_ordered(failed); each != nullptr;) {
      dependent* next = each->next;
      resume(static_cast<std::size_t>(each - entries_.data()));
      each = next;
    }
  }
  void depend(std::size_t which) {
    if (!part_.add_ordered_dependent(entries_[which])) {
      resume(which);
    }
  }
  void resume(std::size_t which) {
    check(++resumed_[which] == 1, "a dependent was resumed twice");
    has_failed_[which] = part_.failed_before_order();
  }

  ordered_part part_;
  std::array<dependent, 2> entries_;
  std::array<int, 2> resumed_{};
  std::array<bool, 2> has_failed_{};
};

TEST(gpu_part, is_ordered_or_lost_but_once) { expect_holds<ordered_and_lost>(); }
TEST(gpu_part, bug_read_then_closed) {
  expect_found<ordered_and_lost>("gpu part: the ordered list is read, then closed");
}

}  // namespace
}  // namespace narke_test
