// A runtime of two CPUs and two licenses, and what the tests of actors share. Each test ends by
// asserting that every actor is gone and everything is free.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <support/runtime_fixture.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>

#include "actor/actor_core.hpp"

namespace narke_test {

class actor_test : public runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2, .resources = {{"license", 2}}});
  }
  void TearDown() override {
    EXPECT_TRUE(eventually([] { return narke::internal::actor_registry::count() == 0; }))
        << narke::internal::actor_registry::count() << " actors are left";
    runtime_test::TearDown();
  }
};

/// An actor whose state is counted, and that can be held where a test wants it.
class witness {
 public:
  explicit witness(std::shared_ptr<traffic> seen) : state_{std::move(seen), 0} {}
  witness(std::shared_ptr<traffic> seen, const gate::waiter_type& wait, const tally& begun)
      : state_{std::move(seen), 0} {
    begun.add();
    wait();
  }
  witness(std::shared_ptr<traffic> seen, int) : state_{std::move(seen), 0} {}

  void hold(const tally& begun, const gate::waiter_type& wait) {
    begun.add();
    wait();
  }
  int next() { return state_.value++; }
  int after(int) { return state_.value++; }
  void note(int what) { noted_.push_back(what); }
  void note_after(int what, int) { noted_.push_back(what); }
  std::vector<int> noted() const { return noted_; }

 private:
  tracked state_;
  std::vector<int> noted_;
};

template <class T>
narke::detail::actor_core& core_of(const narke::actor_handle<T>& handle) {
  return narke::detail::handle_access::checked(handle, "test");
}

}  // namespace narke_test
