#include <store/object_store.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <narke/detail/result_slot.hpp>
#include <narke/errors.hpp>
#include <narke/put.hpp>
#include <support/stress_rounds.hpp>
#include <support/values.hpp>

namespace {

using narke::detail::check_room;
using narke::detail::count_stored_bytes;
using narke::internal::set_store_limit_bytes;
using narke::internal::store_limit_bytes;
using narke::internal::stored_bytes;

class object_store : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(stored_bytes(), 0);
    set_store_limit_bytes(0);
  }
};

TEST_F(object_store, counts_what_comes_and_goes) {
  count_stored_bytes(100);
  count_stored_bytes(50);
  EXPECT_EQ(stored_bytes(), 150);
  count_stored_bytes(-100);
  EXPECT_EQ(stored_bytes(), 50);
  count_stored_bytes(-50);
}

TEST_F(object_store, has_room_up_to_its_limit_and_no_further) {
  set_store_limit_bytes(100);
  EXPECT_EQ(store_limit_bytes(), 100);
  count_stored_bytes(60);
  EXPECT_NO_THROW(check_room(40));
  EXPECT_THROW(check_room(41), narke::object_store_full_error);
  count_stored_bytes(-60);
  EXPECT_NO_THROW(check_room(100));
}

TEST_F(object_store, says_what_was_asked_and_what_there_is) {
  set_store_limit_bytes(100);
  count_stored_bytes(60);
  const auto message =
      narke_test::message_of<narke::object_store_full_error>([] { check_room(41); });
  for (const char* part : {"41", "60", "100", "object_store_memory"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  count_stored_bytes(-60);
}

TEST_F(object_store, has_no_limit_without_a_runtime) {
  EXPECT_NO_THROW(check_room(std::size_t{1} << 62U));
}

TEST_F(object_store, has_no_room_for_more_than_can_be_counted) {
  set_store_limit_bytes(1'000);
  EXPECT_THROW(check_room(std::numeric_limits<std::size_t>::max()),
               narke::object_store_full_error);
  EXPECT_THROW(check_room(std::size_t{1} << 63U), narke::object_store_full_error);
}

TEST_F(object_store, results_above_the_limit_leave_no_room) {
  set_store_limit_bytes(100);
  count_stored_bytes(300);
  EXPECT_THROW(check_room(1), narke::object_store_full_error);
  count_stored_bytes(-300);
}

// What put and results count, by type and size.
TEST_F(object_store, counts_a_value_that_owns_memory_until_it_is_destroyed) {
  narke::detail::stored_bytes<std::vector<char>> bytes;
  bytes.count(std::vector<char>(1'000));
  EXPECT_GE(stored_bytes(), 1'000);
  bytes.forget();
  EXPECT_EQ(stored_bytes(), 0);
  bytes.forget();
}

TEST_F(object_store, does_not_count_what_is_small) {
  narke::detail::stored_bytes<std::vector<char>> bytes;
  bytes.count(std::vector<char>(8));
  EXPECT_EQ(stored_bytes(), 0);
  bytes.forget();
}

TEST_F(object_store, loses_no_byte_between_threads) {
  const int rounds = narke_test::stress_rounds(20'000);
  narke_test::on_threads(4, [&](int index) {
    for (int i = 0; i != rounds; ++i) count_stored_bytes(index % 2 == 0 ? 3 : -3);
  });
  EXPECT_EQ(stored_bytes(), 0);
}

}  // namespace
