// What the tests of refs that are given up share.
#pragma once

#include <utility>

#include <support/runtime_fixture.hpp>

namespace narke_test {

/// Nobody else takes the task meanwhile.
class one_cpu_test : public runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    start(1);
  }
};

/// What `body` returns, run in a task.
template <class Body>
auto in_task(Body body) {
  return narke::get(narke::task(std::move(body)).remote());
}

}  // namespace narke_test
