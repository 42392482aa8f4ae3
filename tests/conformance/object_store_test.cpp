// Bytes: what a value counts, and what happens at the limit.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <string>
#include <vector>

using narke_test::available;

struct picture {
  int width;
  int height;
};

template <>
std::size_t narke::size_bytes<picture>(const picture& p) {
  return static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height);
}

namespace {

using bytes = std::vector<char>;
constexpr int kib = 1024;

class object_store : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2, .object_store_memory = 1024 * kib});
  }
};

TEST_F(object_store, put_beyond_the_limit_is_refused) {
  const auto what = narke_test::message_of<narke::object_store_full_error>(
      [] { narke::put(bytes(2048 * kib)); });
  EXPECT_NE(what.find("1048576"), std::string::npos) << "the limit: " << what;
  EXPECT_EQ(narke::get(narke::put(bytes(100))).size(), 100U);
}

TEST_F(object_store, refused_put_leaves_its_rvalue_alone) {
  bytes large(2048 * kib, 'x');
  EXPECT_THROW(narke::put(std::move(large)), narke::object_store_full_error);
  EXPECT_EQ(large.size(), std::size_t{2048 * kib});
}

TEST_F(object_store, values_add_up_and_are_given_back) {
  auto first = narke::put(bytes(600 * kib));
  EXPECT_THROW(narke::put(bytes(600 * kib)), narke::object_store_full_error);
  EXPECT_LE(available("object_store_memory"), 424.0 * kib);
  first = {};
  EXPECT_EQ(available("object_store_memory"), 1024.0 * kib);
  for (int i = 0; i < 100; ++i) narke::put(bytes(600 * kib));
}

TEST_F(object_store, a_value_moved_out_is_given_back) {
  auto first = narke::put(bytes(600 * kib));
  const bytes mine = narke::get(std::move(first));
  EXPECT_EQ(mine.size(), std::size_t{600 * kib});
  EXPECT_NO_THROW(narke::put(bytes(600 * kib)));
}

TEST_F(object_store, a_value_taken_by_a_task_is_given_back) {
  for (int i = 0; i < 20; ++i) {
    auto first = narke::put(bytes(600 * kib));
    narke::get(narke::task([](bytes b) { return b.size(); }).remote(std::move(first)));
  }
}

TEST_F(object_store, results_are_always_kept) {
  const auto make = [] { return bytes(800 * kib, 'x'); };
  std::vector<narke::object_ref<bytes>> refs;
  for (int i = 0; i < 3; ++i) refs.push_back(narke::task(make).remote());
  for (auto& ref : refs) EXPECT_EQ(narke::get(ref).size(), std::size_t{800 * kib});
  EXPECT_THROW(narke::put(bytes(100 * kib)), narke::object_store_full_error);
  EXPECT_EQ(available("object_store_memory"), 0.0);
}

TEST_F(object_store, tasks_go_on_though_the_store_is_over_its_limit) {
  const auto make = [](int) { return bytes(400 * kib, 'x'); };
  std::vector<narke::object_ref<bytes>> refs;
  for (int i = 0; i < 20; ++i) refs.push_back(narke::task(make).remote(i));
  for (auto& ref : refs) EXPECT_EQ(narke::get(ref).size(), std::size_t{400 * kib});
}

TEST_F(object_store, a_type_may_say_its_own_size) {
  EXPECT_EQ(narke::size_bytes(picture{100, 200}), 20000U);
  EXPECT_THROW(narke::put(picture{2000, 2000}), narke::object_store_full_error);
  const auto kept = narke::put(picture{500, 1000});
  EXPECT_LE(available("object_store_memory"), 1024.0 * kib - 500000);
}

TEST_F(object_store, what_containers_hold_counts) {
  EXPECT_GE(narke::size_bytes(std::vector<double>(1000)), 8000U);
  EXPECT_GE(narke::size_bytes(std::string(1000, 'x')), 1000U);
  EXPECT_GE(narke::size_bytes(std::vector<std::vector<int>>(10, std::vector<int>(100))), 4000U);
  EXPECT_GE(narke::size_bytes(std::array<int, 100>{}), 400U);
  EXPECT_GE(narke::size_bytes(1), sizeof(int));
}

}  // namespace
