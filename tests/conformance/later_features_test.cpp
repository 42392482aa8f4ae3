// What this version cannot do yet must say so by the time it is used: an option that is quietly
// ignored is a bug.
#include <support/runtime_fixture.hpp>

namespace {

class later_features : public narke_test::two_cpus_test {};

// Refused as unknown (narke::error) or, where the value could never be right, as a bad argument.
void expect_says_so(const narke::actor_options& options) {
  struct plain {};
  EXPECT_THROW(narke::actor<plain>(options).remote(), narke::error);
}

TEST_F(later_features, of_actors_say_so) {
  expect_says_so(narke::actor_options{.scheduling = narke::scheduling::spread()});
  expect_says_so(narke::actor_options{.scheduling = narke::scheduling::numa_node(0)});
}

TEST_F(later_features, the_defaults_of_their_options_are_accepted) {
  const narke::task_options task{.priority = 0,
                                 .max_retries = 0,
                                 .retry_exceptions = false,
                                 .timeout = {},
                                 .scheduling = narke::scheduling::automatic(),
                                 .isolation = narke::isolation::thread};
  EXPECT_EQ(narke::get(narke::task([] { return 1; }, task).remote()), 1);
}

}  // namespace
