// What tasks with isolation::process can do: the same as on a thread, in another process.
#include <narke/narke.hpp>

#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <unistd.h>

#include <array>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <variant>

namespace {

/// A type that only its own serializer can send.
class person {
 public:
  person(std::string name, int age) : name_{std::move(name)}, age_{age} {}
  const std::string& name() const { return name_; }
  int age() const { return age_; }

 private:
  std::string name_;
  int age_;
};

struct point {
  double x;
  double y;
};

}  // namespace

template <>
struct narke::serializer<person> {
  static void write(message_writer& to, const person& value) {
    to.write(value.name());
    to.write(value.age());
  }
  static person read(message_reader& from) {
    auto name = from.read<std::string>();
    return {std::move(name), from.read<int>()};
  }
};

namespace {

static_assert(narke::serializable<std::map<std::string, std::vector<std::optional<person>>>>);
static_assert(!narke::serializable<int*> && !narke::serializable<std::string_view>);
static_assert(!narke::serializable<std::vector<const char*>>);
static_assert(!narke::serializable<std::pair<int, void (*)()>>);
static_assert(!narke::serializable<std::optional<int*>> && !narke::serializable<std::span<int>>);
static_assert(!narke::serializable<std::unique_ptr<int>> && !narke::serializable<std::mutex>);
static_assert(!narke::serializable<narke::object_ref<int>>);

const narke::task_options isolated{.isolation = narke::isolation::process};

class isolation_tasks : public narke_test::two_cpus_test {};

int own_process() {
  return static_cast<int>(::getpid());
}

TEST_F(isolation_tasks, run_in_another_process) {
  const int there = narke::get(narke::task(own_process, isolated).remote());
  EXPECT_GT(there, 0);
  EXPECT_NE(there, own_process());
}

TEST_F(isolation_tasks, reuse_their_workers) {
  auto ask = narke::task(own_process, isolated);
  std::set<int> processes;
  for (int i = 0; i < 20; ++i) processes.insert(narke::get(ask.remote()));
  EXPECT_EQ(processes.size(), 1U);
}

TEST_F(isolation_tasks, options_of_a_handle_choose) {
  const auto ask = narke::task(own_process);
  EXPECT_EQ(narke::get(ask.remote()), own_process());
  EXPECT_NE(narke::get(ask.options(isolated).remote()), own_process());
  EXPECT_EQ(narke::get(ask.options(isolated).options({}).remote()), own_process());
}

TEST_F(isolation_tasks, a_lambda_without_captures_is_a_function_like_any) {
  auto add = narke::task([](int a, int b) { return a + b; }, isolated);
  EXPECT_EQ(narke::get(add.remote(3, 4)), 7);
}

TEST_F(isolation_tasks, a_generic_lambda_takes_what_it_is_given) {
  auto twice = narke::task([](const auto& x) { return x + x; }, isolated);
  EXPECT_EQ(narke::get(twice.remote(21)), 42);
  EXPECT_EQ(narke::get(twice.remote(std::string{"ab"})), "abab");
  EXPECT_EQ(narke::get(twice.remote(narke::put(1.5))), 3.0);
}

TEST_F(isolation_tasks, without_a_result_give_void) {
  narke::object_ref<void> done = narke::task([](int) {}, isolated).remote(1);
  EXPECT_NO_THROW(narke::get(done));
}

// Every kind of value there and back.
template <class T>
T echo(T value) {
  return value;
}
template <class T>
T through_a_worker(const T& value) {
  return narke::get(narke::task(&echo<T>, isolated).remote(value));
}

TEST_F(isolation_tasks, values_come_back_as_they_went) {
  EXPECT_EQ(through_a_worker(true), true);
  EXPECT_EQ(through_a_worker(-7L), -7L);
  EXPECT_EQ(through_a_worker(std::string{}), "");
  EXPECT_EQ(through_a_worker(std::string(300'000, 'x')).size(), 300'000U);
  EXPECT_EQ(through_a_worker(std::u16string{u"zwölf"}), u"zwölf");
  EXPECT_EQ(through_a_worker(std::vector<bool>{true, false, true}),
            (std::vector<bool>{true, false, true}));
  EXPECT_EQ(through_a_worker(std::vector<std::string>{"a", "", "ccc"}),
            (std::vector<std::string>{"a", "", "ccc"}));
  EXPECT_EQ(through_a_worker(std::pair<int, std::string>{1, "one"}),
            (std::pair<int, std::string>{1, "one"}));
  EXPECT_EQ(through_a_worker(std::tuple<int, std::string, double>{1, "b", 2.5}),
            (std::tuple<int, std::string, double>{1, "b", 2.5}));
  EXPECT_EQ(through_a_worker(std::array<std::string, 2>{"a", "b"}),
            (std::array<std::string, 2>{"a", "b"}));
  EXPECT_EQ(through_a_worker(std::filesystem::path{"a/b"}), std::filesystem::path{"a/b"});
  EXPECT_EQ(through_a_worker(std::vector<std::tuple<>>(5)).size(), 5U);
}

TEST_F(isolation_tasks, containers_come_back_as_they_went) {
  const std::map<std::string, std::vector<int>> table{{"one", {1}}, {"none", {}}, {"two", {2, 2}}};
  EXPECT_EQ(through_a_worker(table), table);
  const std::unordered_map<int, std::string> names{{1, "a"}, {2, "b"}};
  EXPECT_EQ(through_a_worker(names), names);
  const std::multiset<int> many{3, 1, 3};
  EXPECT_EQ(through_a_worker(many), many);
  const std::list<std::deque<double>> nested{{1.5}, {}, {2, 3}};
  EXPECT_EQ(through_a_worker(nested), nested);
  const std::vector<std::optional<std::string>> holes{"a", std::nullopt};
  EXPECT_EQ(through_a_worker(holes), holes);
  const std::variant<int, std::string> either{"text"};
  EXPECT_EQ(through_a_worker(either), either);
}

TEST_F(isolation_tasks, structs_go_as_their_bytes_and_others_by_their_serializer) {
  const point there = through_a_worker(point{1.5, -2});
  EXPECT_EQ(there.x, 1.5);
  EXPECT_EQ(there.y, -2);
  const person ada = through_a_worker(person{"Ada", 36});
  EXPECT_EQ(ada.name(), "Ada");
  EXPECT_EQ(ada.age(), 36);
}

double sum(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST_F(isolation_tasks, read_refs_views_and_lists_of_refs) {
  auto values = narke::put(std::vector<double>(100'000, 0.5));
  EXPECT_EQ(narke::get(narke::task(sum, isolated).remote(values)), 50'000);
  auto length = narke::task([](std::string_view text) { return text.size(); }, isolated);
  EXPECT_EQ(narke::get(length.remote("four")), 4U);
  EXPECT_EQ(narke::get(length.remote(narke::put(std::string{"three"}))), 5U);
  auto total = narke::task(
      [](const std::vector<int>& all) { return std::accumulate(all.begin(), all.end(), 0); },
      isolated);
  std::vector<narke::object_ref<int>> parts;
  for (int i = 0; i < 5; ++i) parts.push_back(narke::task([](int x) { return x; }).remote(i));
  EXPECT_EQ(narke::get(total.remote(parts)), 10);
  auto next = narke::task([](int x) { return x + 1; }, isolated);
  EXPECT_EQ(narke::get(next.remote(next.remote(next.remote(0)))), 3);
}

TEST_F(isolation_tasks, arrays_are_shared_memory_there) {
  std::vector<int> numbers(1'000'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto given = narke::put(narke::array<int>{numbers});
  auto negated = narke::task(
      [](std::span<const int> in) {
        auto out = narke::allocate<int>(in.size());
        for (std::size_t i = 0; i != in.size(); ++i) out[i] = -in[i];
        return out;
      },
      isolated);
  const narke::object_ref<narke::array<int>> made = negated.remote(given);
  const std::span<const int> elements = narke::get(made).host();
  ASSERT_EQ(elements.size(), numbers.size());
  for (std::size_t i = 0; i != numbers.size(); ++i) ASSERT_EQ(elements[i], -numbers[i]);
}

TEST_F(isolation_tasks, a_consumed_array_is_a_copy_of_the_callers) {
  auto bump = narke::task(
      [](narke::array_builder<int> values) {
        for (int& each : values) ++each;
        return values;
      },
      isolated);
  const auto given = narke::put(narke::array<int>{std::vector<int>(200'000, 1)});
  const auto made = narke::get(bump.remote(given));
  EXPECT_EQ(made.host()[199'999], 2);
  EXPECT_EQ(narke::get(given).host()[0], 1);
}

TEST_F(isolation_tasks, make_several_results) {
  auto split = narke::task(
      [](int x) {
        return std::tuple{x, std::string(static_cast<std::size_t>(x), 'x')};
      },
      isolated);
  auto [number, text] = split.num_returns<2>().remote(3);
  EXPECT_EQ(narke::get(number), 3);
  EXPECT_EQ(narke::get(text), "xxx");
}

TEST_F(isolation_tasks, a_value_moved_in_stays_the_callers_no_longer) {
  auto size = narke::task([](std::vector<int> values) { return values.size(); }, isolated);
  auto ref = narke::put(std::vector<int>(1000));
  EXPECT_EQ(narke::get(size.remote(std::move(ref))), 1000U);
}

TEST_F(isolation_tasks, know_who_they_are) {
  narke::task_options named = isolated;
  named.name = "far away";
  EXPECT_EQ(narke::get(narke::task([] { return narke::this_task::name(); }, named).remote()),
            "far away");
  EXPECT_NE(narke::get(narke::task([] { return narke::this_task::id(); }, isolated).remote()), 0U);
  EXPECT_FALSE(narke::get(narke::task([] { return narke::stop_requested(); }, isolated).remote()));
}

// Made before main, which a worker does not call.
const std::vector<int> made_before_main{1, 2, 3};
int set_by_tests = 0;

TEST_F(isolation_tasks, have_the_programs_static_objects_and_not_what_it_did_since) {
  set_by_tests = 5;
  EXPECT_EQ(narke::get(narke::task([] { return made_before_main; }, isolated).remote()),
            made_before_main);
  EXPECT_EQ(narke::get(narke::task([] { return set_by_tests; }, isolated).remote()), 0);
}

TEST_F(isolation_tasks, may_use_a_runtime_of_their_own) {
  auto nested = narke::task(
      [] { return narke::get(narke::task([](int x) { return x * x; }).remote(7)); }, isolated);
  EXPECT_EQ(narke::get(nested.remote()), 49);
}

TEST_F(isolation_tasks, run_beside_each_other) {
  std::vector<narke::object_ref<int>> refs;
  auto square = narke::task([](int x) { return x * x; }, isolated);
  for (int i = 0; i < 200; ++i) refs.push_back(square.remote(i));
  const std::vector<int> all = narke::get(refs);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i * i);
}

TEST_F(isolation_tasks, work_again_after_a_shutdown) {
  const int before = narke::get(narke::task(own_process, isolated).remote());
  narke::shutdown();
  start(1);
  EXPECT_NE(narke::get(narke::task(own_process, isolated).remote()), before);
}

// What an exception of type E says. Within the handler: a copy of it would share its text with it
// by a count that ThreadSanitizer does not see.
template <class E>
std::string thrown_there(void (*function)()) {
  try {
    narke::get(narke::task(function, isolated).remote());
  } catch (const E& caught) {
    EXPECT_EQ(typeid(caught), typeid(E));
    return caught.what();
  }
  throw std::logic_error{"nothing of that type was thrown"};
}

TEST_F(isolation_tasks, exceptions_come_back_as_what_they_were) {
  EXPECT_EQ(thrown_there<std::out_of_range>([] { throw std::out_of_range{"far"}; }), "far");
  EXPECT_EQ(thrown_there<std::runtime_error>([] { throw std::runtime_error{"r"}; }), "r");
  EXPECT_EQ(thrown_there<narke::object_lost_error>([] { throw narke::object_lost_error{"o"}; }),
            "o");
  static_cast<void>(thrown_there<std::bad_alloc>([] { throw std::bad_alloc{}; }));
  try {
    narke::get(narke::task(+[] {
                 throw std::system_error{std::make_error_code(std::errc::permission_denied),
                                         "no entry"};
               }, isolated).remote());
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& caught) {
    EXPECT_EQ(caught.code(), std::errc::permission_denied);
    EXPECT_EQ(std::string{caught.what()}.find("no entry"), 0U);
  }
}

TEST_F(isolation_tasks, other_exceptions_come_back_by_their_names) {
  const auto odd = thrown_there<narke::error>([] { throw narke_test::odd_error{"odd", 7}; });
  EXPECT_NE(odd.find("narke_test::odd_error"), std::string::npos) << odd;
  EXPECT_NE(odd.find("odd"), std::string::npos);
  const auto number = thrown_there<narke::error>([] { throw 42; });
  EXPECT_NE(number.find("int"), std::string::npos) << number;
}

TEST_F(isolation_tasks, whose_argument_failed_never_run) {
  auto fails = narke::task([]() -> int { throw narke_test::odd_error{"odd", 7}; });
  auto next = narke::task([](int x) { return x; }, isolated);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(next.remote(fails.remote())); }), 7);
}

TEST_F(isolation_tasks, refuse_what_cannot_go_there_and_name_it) {
  using narke_test::message_of;
  const int captured = 3;
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              narke::task([captured] { return captured; }, isolated);
            }).find("lambda"),
            std::string::npos);
  EXPECT_NE(message_of<std::invalid_argument>([] {
              narke::task([](const int* p) { return *p; }, isolated);
            }).find("int const*"),
            std::string::npos);
  EXPECT_NE(message_of<std::invalid_argument>([] {
              narke::task([](int) { return narke_test::move_only{1}; }, isolated);
            }).find("narke_test::move_only"),
            std::string::npos);
  EXPECT_NE(message_of<std::invalid_argument>([] {
              narke::task([](narke::object_ref<int>) {}, isolated);
            }).find("object_ref"),
            std::string::npos);
  EXPECT_NE(message_of<std::invalid_argument>([] {
              narke::task([](auto p) { return *p; }, isolated).remote(std::make_shared<int>(3));
            }).find("shared_ptr"),
            std::string::npos);
}

TEST_F(isolation_tasks, refuse_gpu_tasks) {
  EXPECT_THROW(narke::task([](narke::gpu_context&) {}, isolated), std::invalid_argument);
  auto both = narke::task([](int x) { return x; }, isolated);
  EXPECT_THROW(both.with_gpu([](narke::gpu_context&, int x) { return x; }), std::invalid_argument);
}

}  // namespace
