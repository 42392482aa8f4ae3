// Tutorial 8: tasks that wait for others without a thread. A task that calls get keeps its thread
// while it waits; a narke::co_task gives it back at each co_await, and goes on when the result is
// there. Here a thousand sessions wait for answers that come in from outside, all at once, and two
// threads are enough for all of them. In Ray these are the async methods of an actor.
// advice: none
#include <narke/narke.hpp>

#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

// Who answers: a program would have a network library here, and set each promise as its answer
// comes in.
struct backend {
  std::vector<narke::promise<int>> requests;

  narke::object_ref<int> ask() {
    requests.emplace_back();
    return requests.back().ref();
  }
  void answer_all() {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].set_value(static_cast<int>(i));
    }
  }
};

int threads() {
  const std::filesystem::directory_iterator all{"/proc/self/task"};
  return static_cast<int>(std::distance(begin(all), end(all)));
}

int work_on(int answer) {
  return answer * 2;
}

// A step of a session, a coroutine of its own within the session's task.
narke::co_task<int> refined(int answer) {
  co_return co_await narke::task(work_on).remote(answer) + 1;
}

narke::co_task<int> session(narke::object_ref<int> request) {
  const int answer = co_await request;  // no thread waits here
  co_return co_await refined(answer);
}

int main() {
  narke::session runtime{{.num_cpus = 2}};
  constexpr int count = 1000;

  backend outside;
  std::vector<narke::object_ref<int>> sessions;
  const auto begin_session = narke::task(session, {.name = "session"});
  for (int i = 0; i < count; ++i) {
    sessions.push_back(begin_session.remote(outside.ask()));
  }
  const int threads_meanwhile = threads();
  const bool may_be_cancelled = narke::cancel(sessions.back());  // its co_await throws

  outside.answer_all();
  long sum = 0;
  for (std::size_t i = 0; i + 1 < sessions.size(); ++i) {
    sum += narke::get(std::move(sessions[i]));
  }
  std::cout << count << " sessions waited at once, on " << threads_meanwhile
            << " threads; the sum of all but the last: " << sum << '\n';

  bool was_cancelled = false;
  try {
    narke::get(sessions.back());
  } catch (const narke::task_cancelled_error&) {
    was_cancelled = true;
  }
  const long expected = 999L * 998L + 999L;  // 2 * (0 + 1 + … + 998) + 999
  return sum == expected && may_be_cancelled && was_cancelled && threads_meanwhile < 20 ? 0 : 1;
}
