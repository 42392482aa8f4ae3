// Tutorial 6: state that tasks share. An actor is an object whose methods run one at a time, in the
// order in which each submitter calls them; no lock is needed. In Ray: @ray.remote on a class,
// Counter.remote(10), c.add.remote(5).
//
// advice: none
#include <narke/narke.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

class counter {
 public:
  explicit counter(int start) : value_{start} {}
  int add(int n) { return value_ += n; }
  int value() const { return value_; }
  std::pair<int, std::string> describe() const {
    return {value_, value_ % 2 == 0 ? "even" : "odd"};
  }
  void fail() { throw std::runtime_error{"counted too far"}; }

 private:
  int value_;
};

int main() {
  narke::session session;
  narke::actor_handle<counter> c = narke::actor<counter>({.name = "counter"}).remote(10);
  narke::object_ref<int> fifteen = c.task(&counter::add).remote(5);

  // A handle can go anywhere: here into tasks, which find the actor by its name as well.
  std::vector<narke::object_ref<int>> added;
  for (int i = 0; i < 100; ++i) {
    added.push_back(narke::task([](narke::actor_handle<counter> mine) {
                      return narke::get(mine.task(&counter::add).remote(1));
                    }).remote(c));
  }
  narke::get(added);
  auto same = narke::get_actor<counter>("counter");
  auto [value, parity] = same.task(&counter::describe).num_returns<2>().remote();

  // A method that throws fails its own call only.
  std::string caught;
  try {
    narke::get(c.task(&counter::fail).remote());
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  std::cout << narke::get(value) << " is " << narke::get(parity) << "; then it failed: " << caught
            << '\n';
  const bool is_alive = narke::get(c.task(&counter::value).remote()) == 115;

  narke::kill(c);
  bool is_dead = false;
  try {
    narke::get(c.task(&counter::value).remote());
  } catch (const narke::actor_died_error&) {
    is_dead = true;
  }
  const bool is_right =
      narke::get(fifteen) == 15 && narke::get(value) == 115 && narke::get(parity) == "odd";
  return is_right && caught == "counted too far" && is_alive && is_dead ? 0 : 1;
}
