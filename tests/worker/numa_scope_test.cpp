#include "worker/numa_scope.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <vector>

#include <support/own_cpus.hpp>

using narke::internal::numa_scope;
using narke::internal::set_numa_cpus;
using narke_test::own_cpus;

namespace {

class numa_scope_of_a_node : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(own_cpus(), before_) << "the thread is as it was";
    set_numa_cpus({});
  }
  const std::vector<int> before_ = own_cpus();
};

TEST_F(numa_scope_of_a_node, to_the_cpus_of_the_node_that_the_thread_may_use) {
  set_numa_cpus({{7, {before_.back(), CPU_SETSIZE - 1}}});
  const numa_scope bound{7};
  EXPECT_EQ(own_cpus(), std::vector{before_.back()});
}

TEST_F(numa_scope_of_a_node, nested_comes_back_step_by_step) {
  set_numa_cpus({{1, before_}, {2, {before_.front()}}});
  const numa_scope outer{2};
  {
    const numa_scope inner{1};
    EXPECT_EQ(own_cpus(), std::vector{before_.front()}) << "no more than the outer one leaves";
  }
  EXPECT_EQ(own_cpus(), std::vector{before_.front()});
}

TEST_F(numa_scope_of_a_node, not_without_a_wish_or_a_cpu_to_have) {
  set_numa_cpus({{3, {}}, {4, {-1, 1'000'000}}});
  const numa_scope none{-1};
  const numa_scope unknown{9};
  const numa_scope empty{3};
  const numa_scope beyond{4};
  EXPECT_EQ(own_cpus(), before_);
}

}  // namespace
