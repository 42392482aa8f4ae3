#include <actor/actor_fixture.hpp>

#include <atomic>
#include <stdexcept>

namespace {

using narke::internal::actor_registry;
using narke_test::stress_rounds;
using narke_test::witness;

class actor_registry_test : public narke_test::actor_test {
 protected:
  narke::actor_handle<witness> make(const std::string& name, bool get_if_exists = false) {
    return narke::actor<witness>({.name = name, .get_if_exists = get_if_exists}).remote(seen_);
  }
  const std::shared_ptr<narke_test::traffic> seen_ = narke_test::new_traffic();
};

TEST_F(actor_registry_test, counts_the_actors_that_are_not_ended) {
  EXPECT_EQ(actor_registry::count(), 0U);
  {
    auto one = make("one");
    auto nameless = make("");
    EXPECT_EQ(actor_registry::count(), 2U);
  }
  EXPECT_TRUE(narke_test::eventually([] { return actor_registry::count() == 0; }));
}

TEST_F(actor_registry_test, finds_the_living_by_name) {
  auto one = make("one");
  EXPECT_EQ(narke::get_actor<witness>("one"), one);
  EXPECT_THROW(narke::get_actor<witness>("two"), narke::actor_not_found);
  EXPECT_THROW(narke::get_actor<witness>(""), narke::actor_not_found);
}

TEST_F(actor_registry_test, refuses_a_name_that_is_taken_and_another_type) {
  auto one = make("one");
  EXPECT_THROW(make("one"), std::invalid_argument);
  struct other {};
  EXPECT_THROW(narke::get_actor<other>("one"), std::invalid_argument);
  EXPECT_THROW(narke::actor<other>({.name = "one", .get_if_exists = true}).remote(),
               std::invalid_argument);
  EXPECT_EQ(actor_registry::count(), 1U) << "what was refused left nothing behind";
}

TEST_F(actor_registry_test, a_name_is_free_at_once_after_kill) {
  for (int i = 0; i != 20; ++i) {
    auto one = make("one");
    narke::kill(one);
    EXPECT_THROW(narke::get_actor<witness>("one"), narke::actor_not_found);
  }
}

TEST_F(actor_registry_test, a_name_is_free_at_once_after_the_last_handle) {
  for (int i = 0; i != 20; ++i) make("one");
  EXPECT_THROW(narke::get_actor<witness>("one"), narke::actor_not_found);
}

TEST_F(actor_registry_test, a_handle_found_by_name_keeps_the_actor) {
  auto one = make("one");
  auto two = narke::get_actor<witness>("one");
  one = {};
  EXPECT_EQ(narke::get(two.task(&witness::next).remote()), 0);
}

TEST_F(actor_registry_test, get_if_exists_gives_the_same_to_all_who_ask_at_once) {
  for (int round = 0; round != stress_rounds(100); ++round) {
    std::vector<narke::actor_handle<witness>> handles(3);
    narke_test::on_threads(3, [&](int index) {
      handles[static_cast<std::size_t>(index)] = make("shared", true);
    });
    ASSERT_EQ(handles[0], handles[1]);
    ASSERT_EQ(handles[0], handles[2]);
  }
}

TEST_F(actor_registry_test, names_come_and_go_while_others_look) {
  std::atomic<bool> done{false};
  narke_test::on_threads(3, [&](int index) {
    if (index == 0) {
      for (int i = 0; i != stress_rounds(300); ++i) {
        auto one = make("one", true);
        if (i % 3 == 0) narke::kill(one);
      }
      done = true;
      return;
    }
    while (!done) {
      try {
        auto found = narke::get_actor<witness>("one");
        narke::get(found.task(&witness::next).remote());
      } catch (const narke::actor_not_found&) {
      } catch (const narke::actor_died_error&) {
      }
    }
  });
}

}  // namespace
