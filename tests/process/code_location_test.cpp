#include "process/code_location.hpp"

#include <gtest/gtest.h>

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <vector>

#include <narke/detail/isolated_actor.hpp>
#include <narke/errors.hpp>

#include "process/message.hpp"

namespace {

using narke::detail::code_address;
using narke::internal::code_location;
using narke::internal::find;
using narke::internal::locate;

void here() {}
void there() {}

TEST(code_location, is_found_again) {
  EXPECT_EQ(find(locate(&here)), &here);
  EXPECT_EQ(find(locate(&there)), &there);
  EXPECT_NE(locate(&here), locate(&there));
}

TEST(code_location, of_a_library_is_found_again) {
  const auto in_libc = reinterpret_cast<code_address>(&std::abort);
  EXPECT_EQ(find(locate(in_libc)), in_libc);
}

TEST(code_location, of_data_and_of_nothing_is_refused) {
  static int data = 0;
  EXPECT_THROW(locate(reinterpret_cast<code_address>(&data)), narke::error);
  EXPECT_THROW(locate(nullptr), narke::error);
}

TEST(code_location, of_another_program_is_not_found) {
  code_location location = locate(&here);
  location.build_id.assign(20, std::byte{1});
  EXPECT_THROW(find(location), narke::error);
}

TEST(code_location, of_a_library_without_a_build_id_is_refused_by_name) {
  void* library = ::dlopen(NARKE_NO_BUILD_ID, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << ::dlerror();
  void* inside = ::dlsym(library, "narke_test_nameless");
  ASSERT_NE(inside, nullptr);
  try {
    static_cast<void>(locate(reinterpret_cast<code_address>(inside)));
    ADD_FAILURE() << "it was found";
  } catch (const narke::error& refused) {
    EXPECT_NE(std::string{refused.what()}.find("narke_no_build_id"), std::string::npos);
    EXPECT_NE(std::string{refused.what()}.find("--build-id"), std::string::npos);
  }
  ::dlclose(library);
}

TEST(code_location, outside_of_code_is_not_found) {
  code_location location = locate(&here);
  location.offset = 0;
  EXPECT_THROW(find(location), narke::error);
  location.offset = ~std::uint64_t{0};
  EXPECT_THROW(find(location), narke::error);
}

struct with_methods {
  virtual ~with_methods() = default;
  virtual int in_table() { return 1; }
  int plain() { return 2; }
};
struct beside {
  virtual ~beside() = default;
  virtual int second() { return 3; }
};
struct both : with_methods, beside {
  int in_table() override { return 10; }
  int second() override { return 30; }
};

template <class Method>
Method there_and_back(Method method) {
  narke::message_writer to;
  to.write(narke::detail::sent_method<Method>{method});
  const auto body = narke::detail::message_access::body(to);
  narke::message_reader from = narke::internal::make_reader(std::vector(body.begin(), body.end()));
  return from.read<narke::detail::sent_method<Method>>().method;
}

// The sanitizer of g++ 12 takes the second base's part for a wrong object, also without the way
// there and back.
[[gnu::no_sanitize("vptr")]] int call_of_second_base(both& object, int (both::*method)()) {
  return (object.*method)();
}

TEST(code_location, of_methods_is_found_again) {
  both object;
  EXPECT_EQ((object.*there_and_back(&with_methods::plain))(), 2);
  EXPECT_EQ((object.*there_and_back(&with_methods::in_table))(), 10);
  EXPECT_EQ(call_of_second_base(object, there_and_back<int (both::*)()>(&beside::second)), 30);
  EXPECT_EQ((object.*there_and_back(&both::second))(), 30);
  EXPECT_EQ(there_and_back(&with_methods::plain), &with_methods::plain);
}

// This test program has the layers in itself: it is no program that loads the library.
TEST(code_location, a_program_without_the_shared_library_is_known) {
  EXPECT_FALSE(narke::internal::is_loaded_at_start());
}

}  // namespace
