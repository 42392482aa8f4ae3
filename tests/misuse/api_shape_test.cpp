// Facts about the API that hold when this file compiles: result types, properties of options,
// what is noexcept.
#include <narke/narke.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <concepts>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace {

using namespace std::chrono_literals;
using narke::object_ref;
using std::is_same_v;
using text = std::string;
using only = std::unique_ptr<int>;

template <typename T>
using list = std::vector<object_ref<T>>;

template <typename T>
T& lvalue();
template <typename T>
T&& rvalue();

// get
static_assert(is_same_v<decltype(narke::get(lvalue<object_ref<text>>())), const text&>);
static_assert(is_same_v<decltype(narke::get(lvalue<const object_ref<text>>())), const text&>);
static_assert(is_same_v<decltype(narke::get(rvalue<object_ref<text>>())), text>);
static_assert(is_same_v<decltype(narke::get(rvalue<object_ref<only>>())), only>);
static_assert(is_same_v<decltype(narke::get(lvalue<object_ref<only>>())), const only&>);
static_assert(is_same_v<decltype(narke::get(lvalue<object_ref<void>>())), void>);
static_assert(is_same_v<decltype(narke::get(rvalue<object_ref<void>>())), void>);
static_assert(is_same_v<decltype(narke::get(lvalue<object_ref<text>>(), 1s)), const text&>);
static_assert(is_same_v<decltype(narke::get(rvalue<object_ref<text>>(), 1s)), text>);
static_assert(is_same_v<decltype(narke::get(lvalue<list<text>>())), std::vector<text>>);
static_assert(is_same_v<decltype(narke::get(lvalue<const list<bool>>())), std::vector<bool>>);
static_assert(is_same_v<decltype(narke::get(rvalue<list<only>>())), std::vector<only>>);
static_assert(is_same_v<decltype(narke::get(lvalue<list<int>>(), 0.5s)), std::vector<int>>);
static_assert(is_same_v<decltype(narke::get(lvalue<object_ref<int>>(), lvalue<object_ref<void>>())),
                        std::tuple<int, std::monostate>>);

// put
static_assert(is_same_v<decltype(narke::put(lvalue<text>())), object_ref<text>>);
static_assert(is_same_v<decltype(narke::put(lvalue<const text>())), object_ref<text>>);
static_assert(is_same_v<decltype(narke::put(rvalue<only>())), object_ref<only>>);

// wait
using wait_of_int = decltype(narke::wait(lvalue<list<int>>()));
static_assert(is_same_v<wait_of_int, narke::wait_result<int>>);
static_assert(is_same_v<decltype(wait_of_int::ready), list<int>>);
static_assert(is_same_v<decltype(wait_of_int::not_ready), list<int>>);
static_assert(is_same_v<decltype(narke::wait(lvalue<list<void>>(), {.num_returns = 1})),
                        narke::wait_result<void>>);
static_assert(is_same_v<decltype(*narke::as_completed(lvalue<list<int>>()).begin()),
                        object_ref<int>&>);
static_assert(is_same_v<decltype(narke::is_ready(lvalue<object_ref<int>>())), bool>);
static_assert(is_same_v<decltype(narke::cancel(lvalue<object_ref<int>>())), bool>);

// task
template <typename F, typename... A>
using result_of = decltype(narke::task(rvalue<F>()).remote(rvalue<A>()...));
template <std::size_t N, typename F>
using results_of = decltype(narke::task(rvalue<F>()).template num_returns<N>().remote());

static_assert(is_same_v<result_of<int (*)(int), int>, object_ref<int>>);
static_assert(is_same_v<result_of<void (*)()>, object_ref<void>>);
static_assert(is_same_v<result_of<const text& (*)()>, object_ref<text>>);
static_assert(is_same_v<result_of<const char* (*)()>, object_ref<const char*>>);
static_assert(is_same_v<result_of<object_ref<int> (*)()>, object_ref<object_ref<int>>>);
static_assert(is_same_v<result_of<std::tuple<int, text> (*)()>, object_ref<std::tuple<int, text>>>);
static_assert(is_same_v<results_of<2, std::tuple<int, text> (*)()>,
                        std::tuple<object_ref<int>, object_ref<text>>>);
using pair_refs = results_of<2, std::pair<int, only> (*)()>;
static_assert(std::tuple_size_v<pair_refs> == 2);
static_assert(is_same_v<std::tuple_element_t<1, pair_refs>, object_ref<only>>);
using array_refs = results_of<3, std::array<int, 3> (*)()>;
static_assert(std::tuple_size_v<array_refs> == 3);
static_assert(is_same_v<std::tuple_element_t<2, array_refs>, object_ref<int>>);

// object_ref
static_assert(std::regular<object_ref<int>> && std::regular<object_ref<void>>);
static_assert(std::regular<object_ref<only>>);
static_assert(std::is_nothrow_move_constructible_v<object_ref<int>>);
static_assert(std::is_nothrow_default_constructible_v<object_ref<int>>);
static_assert(std::is_convertible_v<object_ref<int>, object_ref<void>>);
static_assert(!std::is_convertible_v<object_ref<void>, object_ref<int>>);
static_assert(!std::is_constructible_v<object_ref<int>, object_ref<void>>);
static_assert(!std::is_convertible_v<object_ref<int>, object_ref<long>>);
static_assert(!std::is_convertible_v<object_ref<int>, bool>);
static_assert(std::is_constructible_v<bool, object_ref<int>>);
static_assert(is_same_v<decltype(std::hash<object_ref<int>>{}(lvalue<object_ref<int>>())),
                        std::size_t>);

// actors
struct counter {
  int add(int) { return 0; }
  std::pair<int, text> both() const { return {}; }
};
using handle = narke::actor_handle<counter>;
static_assert(is_same_v<decltype(narke::actor<counter>().remote()), handle>);
static_assert(is_same_v<decltype(narke::get_actor<counter>("name")), handle>);
static_assert(is_same_v<decltype(lvalue<handle>().task(&counter::add).remote(1)), object_ref<int>>);
static_assert(std::copyable<handle>);
using both_refs = decltype(lvalue<handle>().task(&counter::both).num_returns<2>().remote());
static_assert(is_same_v<std::tuple_element_t<1, both_refs>, object_ref<text>>);

// runtime and reports
static_assert(noexcept(narke::is_initialized()));
static_assert(is_same_v<decltype(narke::shutdown()), void>);
static_assert(is_same_v<decltype(narke::shutdown(1s)), bool>);
static_assert(!std::copyable<narke::session>);
static_assert(is_same_v<decltype(narke::cluster_resources()), std::map<text, double>>);
static_assert(is_same_v<decltype(narke::available_resources()), std::map<text, double>>);
static_assert(is_same_v<decltype(narke::nodes()), std::vector<narke::node_info>>);
static_assert(is_same_v<decltype(narke::get_gpu_ids()), std::vector<int>>);
static_assert(is_same_v<decltype(narke::report()), text>);
static_assert(is_same_v<decltype(narke::report({.tasks = true})), text>);
static_assert(std::convertible_to<decltype(narke::size_bytes(1)), std::size_t>);

// errors
static_assert(std::derived_from<narke::error, std::runtime_error>);
static_assert(std::derived_from<narke::already_initialized, narke::error>);
static_assert(std::derived_from<narke::infeasible_request, narke::error>);
static_assert(std::derived_from<narke::get_timeout_error, narke::error>);
static_assert(std::derived_from<narke::task_timeout_error, narke::error>);
static_assert(std::derived_from<narke::task_cancelled_error, narke::error>);
static_assert(std::derived_from<narke::actor_died_error, narke::error>);
static_assert(std::derived_from<narke::actor_not_found, narke::error>);
static_assert(std::derived_from<narke::worker_crashed_error, narke::error>);
static_assert(std::derived_from<narke::object_store_full_error, narke::error>);
static_assert(std::derived_from<narke::object_lost_error, narke::error>);
static_assert(std::derived_from<narke::out_of_device_memory, narke::error>);
static_assert(std::derived_from<narke::device_lost_error, narke::error>);
static_assert(std::derived_from<narke::deadlock_error, narke::error>);
static_assert(std::derived_from<narke::fork_error, narke::error>);

// options: aggregates
static_assert(std::is_aggregate_v<narke::task_options>);
static_assert(std::is_aggregate_v<narke::actor_options>);
static_assert(std::is_aggregate_v<narke::runtime_options>);
static_assert(std::is_aggregate_v<narke::wait_options>);
static_assert(std::is_aggregate_v<narke::cancel_options>);
static_assert(std::is_aggregate_v<narke::report_options>);

// Every field, in the order of the contract, given numbers and durations of many types.
TEST(options, of_tasks_take_every_field_in_order) {
  const std::size_t retries = 0;
  const narke::task_options options{.num_cpus = 0.5F,
                                    .num_gpus = 1L,
                                    .gpu_memory = 1e9,
                                    .memory = std::size_t{1} << 33,
                                    .resources = {{"license", 1}, {"seat", 0.5F}},
                                    .name = "name",
                                    .priority = short{0},
                                    .max_retries = retries,
                                    .retry_exceptions = false,
                                    .timeout = 1.5s,
                                    .scheduling = narke::scheduling::automatic(),
                                    .isolation = narke::isolation::thread};
  EXPECT_EQ(options.name, "name");
  EXPECT_EQ(options.resources.size(), 2U);
}

TEST(options, of_actors_take_every_field_in_order) {
  const narke::actor_options options{.num_cpus = 1U,
                                     .num_gpus = 0.25,
                                     .gpu_memory = 1e9F,
                                     .memory = 1e9,
                                     .resources = {{"license", 2U}},
                                     .name = "name",
                                     .max_restarts = 0,
                                     .max_task_retries = 0L,
                                     .max_concurrency = std::size_t{4},
                                     .max_pending_calls = -1,
                                     .lifetime = narke::actor_lifetime::detached,
                                     .get_if_exists = true,
                                     .isolation = narke::isolation::thread};
  EXPECT_TRUE(options.get_if_exists);
}

TEST(options, of_the_runtime_take_every_field_in_order) {
  const narke::runtime_options options{.num_cpus = std::size_t{4},
                                       .num_gpus = 2,
                                       .resources = {{"license", 1e0F}},
                                       .object_store_memory = 1e9,
                                       .object_spilling_directory = "spill",
                                       .emulated_gpus = {.count = 2, .memory_bytes = 1 << 30},
                                       .logging_level = "warning",
                                       .advisor = true,
                                       .tracing = false};
  EXPECT_EQ(options.object_spilling_directory, "spill");
}

TEST(options, of_wait_take_durations_of_any_type) {
  const std::size_t all = 3;
  for (const auto& options : {narke::wait_options{.num_returns = all, .timeout = 1s},
                              narke::wait_options{.num_returns = 1U, .timeout = 1.5ms},
                              narke::wait_options{.timeout = std::chrono::hours{1}},
                              narke::wait_options{.timeout = std::chrono::duration<float>{1}},
                              narke::wait_options{.timeout = std::chrono::days{1}}}) {
    EXPECT_GE(options.num_returns, 1);
  }
}

TEST(options, of_cancel_and_report_take_every_field_in_order) {
  const narke::cancel_options cancel{.force = false, .recursive = true};
  const narke::report_options report{.tasks = true};
  EXPECT_TRUE(cancel.recursive && report.tasks);
  EXPECT_FALSE(narke::cancel_options{}.force);
  EXPECT_TRUE(narke::cancel_options{}.recursive);
}

}  // namespace
