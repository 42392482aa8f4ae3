// Move-only values in awkward places: inside containers, gathered, and given to constructors.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <map>
#include <memory>
#include <optional>
#include <vector>

using narke_test::move_only;

namespace {

class move_only_values : public narke_test::two_cpus_test {};

TEST_F(move_only_values, a_gathered_vector_takes_the_last_refs) {
  std::vector<narke::object_ref<move_only>> refs;
  for (int i = 1; i <= 3; ++i) refs.push_back(narke::put(move_only{i}));
  const auto sum = [](std::vector<move_only> all) {
    int total = 0;
    for (const auto& one : all) total += *one.value;
    return total;
  };
  EXPECT_EQ(narke::get(narke::task(sum).remote(std::move(refs))), 6);
}

TEST_F(move_only_values, a_container_of_move_only_values_is_move_only) {
  const auto make = [] {
    std::vector<std::unique_ptr<int>> all;
    all.push_back(std::make_unique<int>(7));
    return all;
  };
  using numbers = std::vector<std::unique_ptr<int>>;
  EXPECT_EQ(*narke::get(narke::task(make).remote())[0], 7);
  auto stored = narke::put(make());
  EXPECT_EQ(*narke::get(stored)[0], 7);
  const auto take_all = [](numbers all) { return *all[0]; };
  EXPECT_EQ(narke::get(narke::task(take_all).remote(make())), 7);
  EXPECT_EQ(narke::get(narke::task(take_all).remote(std::move(stored))), 7);
}

TEST_F(move_only_values, inside_maps_pairs_and_optionals_are_move_only_too) {
  using numbers = std::map<int, std::pair<int, std::optional<std::unique_ptr<int>>>>;
  const auto make = [] {
    numbers all;
    all[1].second = std::make_unique<int>(7);
    return all;
  };
  auto made = narke::task(make).remote();
  EXPECT_EQ(**narke::get(made).at(1).second, 7);
  EXPECT_EQ(**narke::get(std::move(made)).at(1).second, 7);
}

class owner {
 public:
  explicit owner(std::unique_ptr<int> number) : number_{std::move(number)} {}
  int number() const { return *number_; }

 private:
  std::unique_ptr<int> number_;
};

TEST_F(move_only_values, reach_a_constructor_by_value_and_by_an_rvalue_ref) {
  auto a = narke::actor<owner>().remote(std::make_unique<int>(3));
  EXPECT_EQ(narke::get(a.task(&owner::number).remote()), 3);
  auto b = narke::actor<owner>().remote(narke::put(std::make_unique<int>(4)));
  EXPECT_EQ(narke::get(b.task(&owner::number).remote()), 4);
}

}  // namespace
