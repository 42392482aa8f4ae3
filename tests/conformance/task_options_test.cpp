// Options of tasks: quantities, names, what is refused and what this machine cannot do.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <limits>

using narke_test::message_of;

namespace {

class task_options : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2, .resources = {{"license", 2}}});
  }

  static void expect_refused(const narke::task_options& options, const std::string& field) {
    const auto what =
        message_of<std::invalid_argument>([&] { narke::task([] {}, options).remote(); });
    EXPECT_NE(what.find(field), std::string::npos) << field << ": \"" << what << '"';
  }

  static void expect_infeasible(narke::task_options options, const std::string& asked) {
    options.name = "huge_task";
    const auto what =
        message_of<narke::infeasible_request>([&] { narke::task([] {}, options).remote(); });
    EXPECT_NE(what.find("huge_task"), std::string::npos) << asked << ": \"" << what << '"';
    EXPECT_NE(what.find(asked), std::string::npos) << asked << ": \"" << what << '"';
  }
};

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

TEST_F(task_options, bad_quantities_are_refused_by_name) {
  for (const double bad : {-1.0, -0.0001, nan, inf, -inf}) {
    expect_refused({.num_cpus = bad}, "num_cpus");
    expect_refused({.num_gpus = bad}, "num_gpus");
    expect_refused({.gpu_memory = bad}, "gpu_memory");
    expect_refused({.memory = bad}, "memory");
    expect_refused({.resources = {{"license", bad}}}, "license");
  }
}

TEST_F(task_options, fractions_above_one_gpu_are_refused) {
  expect_refused({.num_gpus = 1.5}, "num_gpus");
  expect_refused({.num_gpus = 2.0001}, "num_gpus");
}

TEST_F(task_options, built_in_names_are_no_custom_resources) {
  for (const char* name : {"CPU", "GPU", "memory"}) {
    expect_refused({.resources = {{name, 1}}}, name);
  }
}

TEST_F(task_options, what_the_machine_can_never_do_is_refused_at_once) {
  expect_infeasible({.num_cpus = 3}, "3");
  expect_infeasible({.num_cpus = 2.5}, "2.5");
  expect_infeasible({.num_cpus = 1e9}, "CPU");
  expect_infeasible({.num_gpus = 1}, "GPU");
  expect_infeasible({.num_gpus = 0.5}, "GPU");
  expect_infeasible({.memory = 1e18}, "memory");
  expect_infeasible({.resources = {{"license", 3}}}, "license");
  expect_infeasible({.resources = {{"unicorn", 1}}}, "unicorn");
}

TEST_F(task_options, infeasible_tasks_leave_nothing_behind) {
  const auto seen = narke_test::new_traffic();
  const auto ignore = [](const narke_test::tracked&) {};
  EXPECT_THROW(narke::task(ignore, {.num_cpus = 3}).remote(narke_test::tracked{seen, 1}),
               narke::infeasible_request);
  EXPECT_EQ(seen->alive, 0);
  auto stored = narke::put(narke_test::tracked{seen, 2});
  EXPECT_THROW(narke::task(ignore, {.num_cpus = 3}).remote(stored), narke::infeasible_request);
  EXPECT_EQ(narke::get(stored).value, 2);
}

TEST_F(task_options, names_and_ids_are_told_inside) {
  auto named = narke::task([] { return narke::this_task::name(); }, {.name = "na\"me\n"});
  EXPECT_EQ(narke::get(named.remote()), "na\"me\n");
  auto id = narke::task([] { return narke::this_task::id(); });
  EXPECT_NE(narke::get(id.remote()), narke::get(id.remote()));
  auto attempt = narke::task([] { return narke::this_task::attempt(); });
  EXPECT_EQ(narke::get(attempt.remote()), narke::get(attempt.remote()));
}

TEST_F(task_options, the_task_inside_a_get_is_told_apart_from_the_one_outside) {
  const auto outer = [] {
    const auto before = narke::this_task::id();
    auto name = narke::task([] { return narke::this_task::name(); }, {.name = "inner"}).remote();
    const bool right = narke::get(name) == "inner" && narke::this_task::name() == "outer";
    return right && narke::this_task::id() == before;
  };
  EXPECT_TRUE(narke::get(narke::task(outer, {.name = "outer"}).remote()));
}

TEST_F(task_options, options_replace_all_earlier_ones) {
  auto task = narke::task([] { return narke::this_task::name(); }, {.num_cpus = 3, .name = "a"});
  EXPECT_THROW(task.remote(), narke::infeasible_request);
  auto other = task.options({.num_cpus = 1});
  EXPECT_NE(narke::get(other.remote()), "a");
  EXPECT_EQ(narke::get(task.options({.name = "b"}).remote()), "b");
  EXPECT_THROW(task.remote(), narke::infeasible_request) << "options() changed its own task";
}

TEST_F(task_options, quantities_of_any_arithmetic_type) {
  const std::size_t cpus = 2;
  const auto one = [] { return 1; };
  EXPECT_EQ(narke::get(narke::task(one, {.num_cpus = cpus}).remote()), 1);
  EXPECT_EQ(narke::get(narke::task(one, {.num_cpus = 0.5F, .num_gpus = 0L}).remote()), 1);
  EXPECT_EQ(narke::get(narke::task(one, {.memory = 1e6}).remote()), 1);
  EXPECT_EQ(narke::get(narke::task(one, {.memory = 1 << 20}).remote()), 1);
  EXPECT_EQ(narke::get(narke::task(one, {.resources = {{"license", 1U}}}).remote()), 1);
  EXPECT_EQ(narke::get(narke::task(one, {.resources = {{"license", 0}}}).remote()), 1);
  EXPECT_EQ(narke::get(narke::task(one, {.resources = {{"unicorn", 0}}}).remote()), 1);
}

}  // namespace
