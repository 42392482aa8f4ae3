#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <narke/detail/gpu_body.hpp>
#include <narke/detail/gpu_part.hpp>
#include <narke/detail/task_info_ref.hpp>
#include <narke/errors.hpp>
#include <support/hooked_task.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>
#include <support/watchdog.hpp>
#include <task/open_slot.hpp>
#include <task/task_info.hpp>

namespace {

using narke::detail::dependent;
using narke::detail::task_lane;
using narke_test::hooked_task;
using narke_test::open_slot;

// The steps of a GPU task that no test here calls.
class plain_part final : public narke::detail::gpu_part {
 public:
  void prepare_inputs(visit_input, void*) override {}
  void run_body(narke::gpu_context&) noexcept override {}
  bool try_rewind() noexcept override { return false; }
  void let_go_inputs() noexcept override {}
  std::exception_ptr failed_input() const override { return nullptr; }
  const void* callable_id() const noexcept override { return nullptr; }
};

// A GPU task whose steps are taken by the test.
struct gpu_node {
  explicit gpu_node(narke_test::task_hooks does = {}) : task{new hooked_task{std::move(does)}} {
    task->gpu = &part;
  }
  gpu_node(const gpu_node&) = delete;
  gpu_node& operator=(const gpu_node&) = delete;
  // Both references, as of a task that was never given to a runtime.
  ~gpu_node() {
    task->fail(std::make_exception_ptr(1));
    task->slot(0)->settle();
    if (!task->slot(0)->is_ready()) static_cast<void>(task->slot(0)->close());
    task->ref() = {};
    task->release_ref();
  }

  plain_part part;
  hooked_task* task;
};

TEST(gpu_part, hands_out_what_waits_first_come_first) {
  plain_part part;
  dependent first;
  dependent second;
  EXPECT_TRUE(part.add_ordered_dependent(first));
  EXPECT_TRUE(part.add_ordered_dependent(second));
  EXPECT_FALSE(part.is_ordered());
  dependent* list = part.close_ordered(false);
  EXPECT_EQ(list, &first);
  EXPECT_EQ(list->next, &second);
  EXPECT_EQ(second.next, nullptr);
  EXPECT_TRUE(part.is_ordered());
  EXPECT_FALSE(part.failed_before_order());
}

TEST(gpu_part, takes_nobody_once_it_is_closed) {
  plain_part part;
  dependent late;
  EXPECT_EQ(part.close_ordered(true), nullptr);
  EXPECT_FALSE(part.add_ordered_dependent(late));
  EXPECT_TRUE(part.failed_before_order());
}

TEST(gpu_part, the_first_who_closes_decides) {
  plain_part ordered;
  dependent entry;
  EXPECT_TRUE(ordered.add_ordered_dependent(entry));
  EXPECT_EQ(ordered.close_ordered(false), &entry);
  EXPECT_EQ(ordered.close_ordered(true), nullptr);
  EXPECT_FALSE(ordered.failed_before_order());
  plain_part failed;
  static_cast<void>(failed.close_ordered(true));
  static_cast<void>(failed.close_ordered(false));
  EXPECT_TRUE(failed.failed_before_order());
}

TEST(gpu_part, every_entry_is_handed_out_or_refused) {
  for (int round = 0; round != narke_test::stress_rounds(300); ++round) {
    plain_part part;
    constexpr int adders = 3;
    constexpr int each = 8;
    std::vector<dependent> entries(adders * each);
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i != adders; ++i) {
      threads.emplace_back([&, i] {
        for (int j = 0; j != each; ++j) {
          if (!part.add_ordered_dependent(entries[std::size_t(i * each + j)])) ++refused;
        }
      });
    }
    std::atomic<int> handed_out{0};
    for (int i = 0; i != 2; ++i) {
      threads.emplace_back([&, i] {
        for (auto* at = part.close_ordered(i == 0); at != nullptr; at = at->next) ++handed_out;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(refused + handed_out, adders * each);
  }
}

TEST(gpu_tasks, wait_for_the_order_of_a_gpu_task_and_not_for_its_end) {
  gpu_node producer;
  gpu_node consumer{{.arguments = {producer.task->slot(0)}}};
  EXPECT_FALSE(consumer.task->end_registration(consumer.task->register_dependencies()))
      << "the submitter is done";
  dependent* list = producer.part.close_ordered(false);
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->waiting, consumer.task);
  EXPECT_TRUE(list->waiting->one_ready());
  EXPECT_FALSE(producer.task->slot(0)->is_ready());
  EXPECT_EQ(producer.task->slot(0)->close(), nullptr) << "it is on one list only";
}

TEST(gpu_tasks, do_not_wait_for_what_is_ordered) {
  gpu_node producer;
  static_cast<void>(producer.part.close_ordered(false));
  gpu_node consumer{{.arguments = {producer.task->slot(0)}}};
  EXPECT_TRUE(consumer.task->end_registration(consumer.task->register_dependencies()));
  EXPECT_FALSE(consumer.task->argument_failed());
}

TEST(gpu_tasks, wait_for_the_end_of_a_cpu_task) {
  auto* slot = new open_slot<int>;
  gpu_node consumer{{.arguments = {slot}}};
  EXPECT_FALSE(consumer.task->end_registration(consumer.task->register_dependencies()));
  slot->emplace_from([] { return 1; });
  slot->settle();
  dependent* list = slot->close();
  ASSERT_NE(list, nullptr);
  EXPECT_TRUE(list->waiting->one_ready());
  slot->release_ref();
}

TEST(gpu_tasks, fail_with_what_failed_before_it_was_ordered) {
  gpu_node producer;
  producer.task->fail(std::make_exception_ptr(narke_test::odd_error{"", 4}));
  static_cast<void>(producer.part.close_ordered(true));
  gpu_node consumer{{.arguments = {producer.task->slot(0)}}};
  static_cast<void>(consumer.task->register_dependencies());
  EXPECT_TRUE(consumer.task->argument_failed());
  EXPECT_EQ(narke_test::odd_code(
                [&] { std::rethrow_exception(consumer.task->first_failed_argument()); }),
            4);
}

TEST(gpu_tasks, do_not_look_at_an_error_that_came_after_the_order) {
  gpu_node producer;
  static_cast<void>(producer.part.close_ordered(false));
  producer.task->slot(0)->set_error(std::make_exception_ptr(1));
  gpu_node consumer{{.arguments = {producer.task->slot(0)}}};
  EXPECT_TRUE(consumer.task->end_registration(consumer.task->register_dependencies()));
  EXPECT_FALSE(consumer.task->argument_failed());
  EXPECT_EQ(consumer.task->first_failed_argument(), nullptr);
}

// Counts whose completion is wanted.
class wanted : public testing::Test {
 protected:
  void SetUp() override {
    before_ = narke::detail::the_completion_wanted_hook;
    narke::detail::the_completion_wanted_hook = [](narke::detail::task_node& producer) noexcept {
      asked().push_back(&producer);
    };
    asked().clear();
  }
  void TearDown() override { narke::detail::the_completion_wanted_hook = before_; }
  static std::vector<const narke::detail::task_node*>& asked() {
    static std::vector<const narke::detail::task_node*> all;
    return all;
  }

 private:
  narke::detail::completion_wanted before_ = nullptr;
};

TEST_F(wanted, is_the_end_of_a_gpu_task_for_which_a_cpu_task_waits) {
  gpu_node producer;
  auto* consumer = new hooked_task{{.arguments = {producer.task->slot(0)}}};
  static_cast<void>(consumer->register_dependencies());
  EXPECT_EQ(asked(), std::vector<const narke::detail::task_node*>{producer.task});
  EXPECT_EQ(producer.part.close_ordered(false), nullptr) << "order is not enough for it";
  producer.task->invoke();
  producer.task->slot(0)->settle();
  dependent* list = producer.task->slot(0)->close();
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->waiting, consumer);
  consumer->fail(std::make_exception_ptr(1));
  consumer->slot(0)->settle();
  static_cast<void>(consumer->slot(0)->close());
  consumer->ref() = {};
  consumer->release_ref();
}

TEST_F(wanted, is_nothing_between_gpu_tasks) {
  gpu_node producer;
  gpu_node consumer{{.arguments = {producer.task->slot(0)}}};
  static_cast<void>(consumer.task->register_dependencies());
  EXPECT_TRUE(asked().empty());
}

TEST_F(wanted, is_what_somebody_looks_for_until_it_is_ready) {
  gpu_node producer;
  hooked_task& task = *producer.task;
  narke::detail::want_completion(*task.slot(0));
  EXPECT_EQ(asked().size(), 1U);
  auto* of_put = new open_slot<int>;
  narke::detail::want_completion(*of_put);
  EXPECT_EQ(asked().size(), 1U);
  of_put->emplace_from([] { return 1; });
  of_put->settle();
  static_cast<void>(of_put->close());
  of_put->release_ref();
  static_cast<void>(task.slot(0)->close());
  narke::detail::want_completion(*task.slot(0));
  EXPECT_EQ(asked().size(), 1U) << "it is there";
}

TEST(gpu_body, may_not_wait_on_its_own_thread) {
  using narke::detail::check_may_wait;
  EXPECT_NO_THROW(check_may_wait("get"));
  {
    const narke::detail::gpu_body_scope in_body;
    EXPECT_TRUE(narke::detail::is_in_gpu_body());
    const auto message =
        narke_test::message_of<narke::error>([] { check_may_wait("get"); });
    EXPECT_NE(message.find("narke::get"), std::string::npos) << message;
    std::thread{[] { EXPECT_NO_THROW(check_may_wait("get")); }}.join();
  }
  EXPECT_FALSE(narke::detail::is_in_gpu_body());
  EXPECT_NO_THROW(check_may_wait("get"));
}

TEST(task_info_of_gpu_tasks, asks_for_a_gpu_and_no_cpu) {
  const narke::detail::task_info_ref plain{narke::task_options{},
                                           narke::detail::task_place::gpu};
  EXPECT_EQ(plain.get()->request().gpus.to_double(), 1);
  EXPECT_EQ(plain.get()->request().cpus.to_double(), 0);
  EXPECT_EQ(plain.get()->lane(), task_lane::placement);
  const narke::detail::task_info_ref asked{narke::task_options{.num_cpus = 2, .num_gpus = 0.5},
                                           narke::detail::task_place::gpu};
  EXPECT_EQ(asked.get()->request().gpus.to_double(), 0.5);
  EXPECT_EQ(asked.get()->request().cpus.to_double(), 2);
  EXPECT_EQ(narke::detail::default_gpu_info().request().gpus.to_double(), 1);
}

TEST(task_info_of_gpu_tasks, may_ask_for_memory_alone) {
  const narke::task_options memory{.gpu_memory = 100};
  EXPECT_THROW(narke::detail::task_info_ref{memory}, std::invalid_argument);
  const narke::detail::task_info_ref gpu{memory, narke::detail::task_place::gpu};
  EXPECT_EQ(gpu.get()->request().gpu_memory_bytes, 100);
}

TEST(either_info, is_refused_late_when_it_would_do_for_a_gpu_task) {
  const narke::detail::either_info either{narke::task_options{.gpu_memory = 100}};
  EXPECT_EQ(either.for_gpu()->request().gpu_memory_bytes, 100);
  EXPECT_THROW(static_cast<void>(either.for_cpu()), std::invalid_argument);
  EXPECT_THROW(narke::detail::either_info{narke::task_options{.num_gpus = 1.5}},
               std::invalid_argument);
  const narke::detail::either_info none;
  EXPECT_EQ(none.for_cpu(), nullptr);
  EXPECT_EQ(none.for_gpu(), &narke::detail::default_gpu_info());
}

}  // namespace
