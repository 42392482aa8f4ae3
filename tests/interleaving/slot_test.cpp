// A result on its way from its producer to those who wait for it: close, join, get, stop; and the
// list of those who wait for a GPU task to be ordered.
#include <narke/detail/gpu_part.hpp>
#include <narke/detail/result_slot.hpp>
#include <narke/detail/task_node.hpp>
#include <task/waiting_room.hpp>
#include <worker/parker.hpp>

#include <array>
#include <optional>
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

// What became of a result, for its producer, who had a reference to the node.
struct published {
  dependent* first = nullptr;
  bool leaves_node = true;  // that reference is the slot's now
  bool is_stopped = false;
};
// The order of narke::internal::publish_and_leave.
published publish(narke::detail::typed_slot<int>& slot) {
  using settled = narke::detail::result_slot::settled;
  published what;
  if (slot.settle_and_close_alone(what.leaves_node)) {
    return what;
  }
  const settled how = slot.settle_and_close(what.first, what.leaves_node);
  if (how == settled::stopped) {
    what.is_stopped = true;
    slot.destroy_value();
    slot.set_error(std::make_exception_ptr(std::runtime_error{"stopped"}));
    what.first = slot.close();
    slot.settle_stopped();
  } else if (how == settled::unwanted) {
    slot.let_go_unwanted();
  }
  return what;
}

// Its memory is the scene's, which looks how often it was let go, and when; at the end, as a run
// that ends in the middle of letting go leaves its mark to the next.
class watched_slot final : public narke::detail::typed_slot<int> {
 public:
  dependent* publish_and_leave() {
    const published what = publish(*this);
    has_failed = what.is_stopped;
    node_refs_ -= what.leaves_node ? 0 : 1;
    return what.first;
  }
  void expect_gone() const {
    check(let_go_count_ == 1, "the slot was not let go once");
    check(was_made_, "it was let go while its producer was at work");
    check(node_refs_ == 0, "the node was not let go once");
  }
  bool is_made = false;
  bool has_failed = false;  // the error itself goes with the last reference

 private:
  void let_go() noexcept override {
    ++let_go_count_;
    was_made_ = is_made;
    destroy_value();
    node_refs_ -= static_cast<int>(node_refs());
  }

  int let_go_count_ = 0;
  bool was_made_ = false;
  int node_refs_ = 2;  // the slot's, and the producer's
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
    check(slot_.has_failed == is_stopped_in_time_, "a stop in time, and a value all the same");
    slot_.expect_gone();
  }

 private:
  void produce() {
    slot_.emplace_from([] { return 7; });
    slot_.is_made = true;
    for (dependent* each = slot_.publish_and_leave(); each != nullptr;) {
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

// A result that nobody may want when it comes: two drop their refs, another one asks it to stop.
class producer_and_nobody : public explored::scene {
 public:
  producer_and_nobody() {
    slot_.add_ref();
    slot_.add_ref();
  }
  explored::bodies threads() override {
    return {[this] { produce(); }, [this] { slot_.release_ref(); }, [this] { slot_.release_ref(); },
            [this] { stop(); }};
  }
  void at_end() override { slot_.expect_gone(); }

 private:
  void produce() {
    slot_.emplace_from([] { return 7; });
    slot_.is_made = true;
    check(slot_.publish_and_leave() == nullptr, "somebody waits for nothing");
  }
  void stop() {
    if (explored::random_below(2) == 0) {
      static_cast<void>(slot_.mark_stop());
    }
    slot_.release_ref();
  }

  watched_slot slot_;
};

TEST(result_slot, goes_once_with_its_node_when_nobody_wants_it) {
  expect_holds<producer_and_nobody>();
}
TEST(result_slot, bug_unwanted_over_what_the_producer_wrote) {
  expect_found<producer_and_nobody>("slot: unwanted is written over what the producer wrote");
}
TEST(result_slot, bug_no_look_for_a_producer) {
  expect_found<producer_and_nobody>("slot: the last reference does not look for a producer");
}
TEST(result_slot, bug_no_look_whether_it_is_unwanted) {
  expect_found<producer_and_nobody>("slot: the producer does not look whether it is unwanted");
}
TEST(result_slot, bug_the_node_is_left_and_given_up) {
  expect_found<producer_and_nobody>("slot: the node is left, and given up as well");
}

// The memory of a slot is used again as soon as its node is gone: for another slot, which another
// thread waits for while the producer of the first may be about to wake its own.
class one_after_the_other : public explored::scene {
 public:
  one_after_the_other() { slot_.emplace(*this); }
  explored::bodies threads() override {
    return {[this] { produce(); }, [this] { give_up(); }, [this] { wait_for_next(); }};
  }
  void at_end() override {
    check(told_ == 1, "who waits for the second was not told once");
    check(!is_told_early_, "who waits for the second was told before it was ready");
  }

 private:
  class reused_slot final : public narke::detail::typed_slot<int> {
   public:
    explicit reused_slot(one_after_the_other& scene) : scene_{scene} {}

   private:
    void let_go() noexcept override { scene_.node_refs_ -= static_cast<int>(node_refs()); }
    one_after_the_other& scene_;
  };
  class told final : public wait_group {
   public:
    explicit told(one_after_the_other& scene) : scene_{scene} {}

   private:
    void on_ready(wait_entry& entry) noexcept override {
      scene_.is_told_early_ |= entry.slot != nullptr || !scene_.slot_->is_ready();
      ++scene_.told_;
    }
    one_after_the_other& scene_;
  };
  class untold final : public wait_group {
    void on_ready(wait_entry&) noexcept override {}
  };

  void produce() {
    slot_->emplace_from([] { return 7; });
    node_refs_ -= publish(*slot_).leaves_node ? 0 : 1;
  }
  // Waits for the first, until its time is up.
  void give_up() {
    reused_slot& slot = *slot_;
    untold group;
    wait_entry entry;
    if (waiting_room::enter(entry, slot, group)) {
      waiting_room::leave(entry, slot);
    }
    slot.release_ref();
  }
  void wait_for_next() {
    while (node_refs_ != 0) {
      explored::yield();
    }
    slot_.emplace(*this);
    node_refs_ = 2;
    told group{*this};
    wait_entry entry;
    const bool is_in = waiting_room::enter(entry, *slot_, group);
    check(is_in, "ready before it was made");
    explored::point();
    produce();
    waiting_room::leave(entry, *slot_);
    slot_->release_ref();
  }

  std::optional<reused_slot> slot_;
  int node_refs_ = 2;
  int told_ = 0;
  bool is_told_early_ = false;
};

TEST(result_slot, may_lie_where_another_one_lay) { expect_holds<one_after_the_other>(); }
TEST(result_slot, bug_the_node_is_left_while_threads_wait) {
  expect_found<one_after_the_other>("slot: the node is left while threads wait");
}

// A slot that is held by its maker, as by a promise, and two refs: who has the last may take the
// value.
class held_and_taken : public explored::scene {
 public:
  held_and_taken() {
    slot_.add_ref();
    slot_.add_ref();
    slot_.hold();
  }
  explored::bodies threads() override {
    return {[this] { make(); }, [this] { read(); }, [this] { read(); }};
  }
  void at_end() override { check(slot_.gone == 1, "the slot was not let go once"); }

 private:
  class gone_slot final : public narke::detail::typed_slot<int> {
   public:
    int gone = 0;

   private:
    void let_go() noexcept override { ++gone; }
  };

  void make() {
    slot_.emplace_from([] { return 7; });
    bool leaves_node = false;
    dependent* first = nullptr;
    static_cast<void>(slot_.settle_and_close(first, leaves_node));
    slot_.end_hold();
  }
  void read() {
    while (!slot_.is_ready()) {
      explored::yield();
    }
    ++reading_;
    const bool other_is_gone = released_ == 1;
    if (slot_.is_last_ref()) {
      check(reading_ == 1, "the value is taken while another reads it");
    } else {
      check(!other_is_gone, "the value cannot be taken, and nobody else reads it");
    }
    explored::point();
    --reading_;
    slot_.release_ref();
    ++released_;
  }

  gone_slot slot_;
  int reading_ = 0;
  int released_ = 0;
};

TEST(result_slot, is_taken_through_the_last_ref_while_it_is_held) {
  expect_holds<held_and_taken>();
}
TEST(result_slot, bug_a_hold_ends_in_two_steps) {
  expect_found<held_and_taken>("slot: a hold ends in two steps");
}
TEST(result_slot, bug_a_hold_counts_as_a_reference) {
  expect_found<held_and_taken>("slot: a hold counts as a reference");
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
