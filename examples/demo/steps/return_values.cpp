#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <narke/narke.hpp>

#include "../progress_bar.hpp"
#include "steps.hpp"

namespace demo {
namespace {

using three_values = std::tuple<std::string, int, std::vector<double>>;

/// The text in capitals, how many of the values are positive, and their roots in order.
three_values tuple3(const std::string& text, const std::vector<double>& values) {
  std::string capitals = text;
  std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                 [](unsigned char letter) { return char(std::toupper(letter)); });
  const auto positive =
      std::count_if(values.begin(), values.end(), [](double value) { return value > 0; });
  std::vector<double> roots;
  for (const double value : values) {
    if (value > 0) roots.push_back(std::sqrt(value));
  }
  std::sort(roots.begin(), roots.end());
  return {capitals, int(positive), roots};
}

class tuple_actor {
 public:
  three_values tuple3(const std::string& text, const std::vector<double>& values) {
    return demo::tuple3(text, values);
  }
};

std::vector<double> values_of_call(std::size_t call) {
  std::vector<double> values(32);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = double((call + 7 * i) % 50) - 10;
  return values;
}

std::vector<three_values> call_packed(std::size_t calls, progress_bar& progress) {
  auto packed = narke::task(tuple3, {.name = "tuple3"});
  std::vector<narke::object_ref<three_values>> refs;
  for (std::size_t call = 0; call < calls; ++call) {
    refs.push_back(packed.remote("ray rocks!", values_of_call(call)));
    progress.advance();
  }
  return narke::get(refs);
}

/// `submit` makes a call that returns three refs.
template <typename Submit>
std::vector<three_values> call_split(std::size_t calls, progress_bar& progress, Submit submit) {
  std::vector<decltype(submit(calls))> refs;
  for (std::size_t call = 0; call < calls; ++call) {
    refs.push_back(submit(call));
    progress.advance();
  }
  std::vector<three_values> results;
  for (const auto& [text, positive, roots] : refs) {
    results.emplace_back(narke::get(text), narke::get(positive), narke::get(roots));
  }
  return results;
}

}  // namespace

step_figures return_three_values(const workload& work) {
  const std::size_t calls = work.return_calls;
  step_figures step;
  step.name = "return values";
  step.what = fmt::format("{} calls that return a text, a number and a list", calls);
  step.teaches =
      "three refs let a later task wait for just the value it needs; one packed ref is less to "
      "keep track of";

  progress_bar progress{step.name, 4 * calls};
  std::vector<three_values> expected;
  step.serial_seconds = seconds_of([&] {
    for (std::size_t call = 0; call < calls; ++call)
      expected.push_back(tuple3("ray rocks!", values_of_call(call)));
  });
  const auto check = [&](const std::vector<three_values>& results) {
    for (std::size_t call = 0; call < calls; ++call, ++step.checked)
      step.wrong += results.at(call) != expected[call];
  };

  std::vector<three_values> results =
      call_packed(calls, progress);  // the threads and caches warm up
  check(results);
  step.first = {"packed in one ref", seconds_of([&] { results = call_packed(calls, progress); })};
  check(results);

  auto split = narke::task(tuple3, {.name = "tuple3"}).num_returns<3>();
  step.second = {"three refs", seconds_of([&] {
                   results = call_split(calls, progress, [&](std::size_t call) {
                     return split.remote("ray rocks!", values_of_call(call));
                   });
                 })};
  check(results);

  auto actor = narke::actor<tuple_actor>().remote();
  narke::get(actor.task(&tuple_actor::tuple3).remote("it has started", values_of_call(0)));
  step.others.push_back({"three refs from an actor", seconds_of([&] {
                           auto method = actor.task(&tuple_actor::tuple3).num_returns<3>();
                           results = call_split(calls, progress, [&](std::size_t call) {
                             return method.remote("ray rocks!", values_of_call(call));
                           });
                         })});
  check(results);
  return step;
}

}  // namespace demo
