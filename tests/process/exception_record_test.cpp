#include "process/exception_record.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include <narke/errors.hpp>

#include "process/message.hpp"

namespace {

using namespace narke::internal;

std::exception_ptr there_and_back(const std::exception_ptr& thrown) {
  narke::message_writer to;
  write_exception(to, thrown);
  const auto body = narke::detail::message_access::body(to);
  narke::message_reader from = make_reader({body.begin(), body.end()});
  return read_exception(from);
}

/// Requires: what comes back of `thrown` is exactly an E.
template <class E>
std::string text_after(const E& thrown) {
  try {
    std::rethrow_exception(there_and_back(std::make_exception_ptr(thrown)));
  } catch (const E& caught) {
    EXPECT_EQ(typeid(caught), typeid(E));
    return caught.what();
  } catch (const std::exception& other) {
    ADD_FAILURE() << typeid(other).name() << ": " << other.what();
  }
  return {};
}

TEST(exception_record, keeps_types_and_texts_of_the_standard_library_and_of_narke) {
  EXPECT_EQ(text_after(std::runtime_error{"a"}), "a");
  EXPECT_EQ(text_after(std::invalid_argument{"b"}), "b");
  EXPECT_EQ(text_after(std::length_error{"c"}), "c");
  EXPECT_EQ(text_after(narke::error{"d"}), "d");
  EXPECT_EQ(text_after(narke::worker_crashed_error{"e"}), "e");
  EXPECT_EQ(text_after(narke::actor_died_error{"f"}), "f");
  EXPECT_EQ(text_after(std::bad_alloc{}), std::bad_alloc{}.what());
}

TEST(exception_record, keeps_the_code_of_a_system_error) {
  const std::system_error thrown{std::make_error_code(std::errc::no_space_on_device), "writing"};
  EXPECT_EQ(text_after(thrown), thrown.what());
  EXPECT_EQ(text_after(std::system_error{std::error_code{2, std::system_category()}}),
            std::system_error(std::error_code{2, std::system_category()}).what());
}

struct mine : std::logic_error {
  using std::logic_error::logic_error;
};
struct silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

std::string narke_error_after(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(there_and_back(thrown));
  } catch (const narke::error& caught) {
    EXPECT_EQ(typeid(caught), typeid(narke::error));
    return caught.what();
  }
}

TEST(exception_record, names_the_type_of_others) {
  const std::string told = narke_error_after(std::make_exception_ptr(mine{"text"}));
  EXPECT_NE(told.find("mine: text"), std::string::npos) << told;
  EXPECT_NE(narke_error_after(std::make_exception_ptr(42)).find("threw int"), std::string::npos);
  EXPECT_NE(narke_error_after(std::make_exception_ptr(silent{})).find("silent"), std::string::npos);
}

struct wordless : std::runtime_error {
  wordless() : runtime_error{"unheard"} {}
  const char* what() const noexcept override { return nullptr; }
};

TEST(exception_record, of_a_what_that_is_null_has_the_name_of_its_type_alone) {
  try {
    std::rethrow_exception(there_and_back(std::make_exception_ptr(wordless{})));
  } catch (const narke::error& caught) {
    EXPECT_NE(std::string{caught.what()}.find("wordless"), std::string::npos) << caught.what();
    EXPECT_EQ(std::string{caught.what()}.find("unheard"), std::string::npos) << caught.what();
  }
}

TEST(exception_record, of_what_is_no_exception_of_the_library_has_the_name_of_its_type) {
  try {
    std::rethrow_exception(there_and_back(std::make_exception_ptr(7)));
  } catch (const narke::error& caught) {
    EXPECT_NE(std::string{caught.what()}.find("int"), std::string::npos) << caught.what();
  }
}

}  // namespace
