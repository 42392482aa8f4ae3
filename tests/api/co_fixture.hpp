// What the tests of coroutine tasks share.
#pragma once

#include <memory>
#include <string>

#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

namespace narke_test {

/// Waits until the task of `ref` is suspended at a co_await. False: it was not within 30 s.
template <class T>
bool becomes_suspended(const narke::object_ref<T>& ref) {
  return eventually([&] {
    return narke::explain(ref).find("waits at a co_await") != std::string::npos;
  });
}

/// Counts itself, as a local of a coroutine, as long as it lives.
class local {
 public:
  explicit local(tally made, tally gone) : made_{std::move(made)}, gone_{std::move(gone)} {
    made_.add();
  }
  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() { gone_.add(); }

 private:
  tally made_;
  tally gone_;
};

}  // namespace narke_test
