// The decoder against damaged messages: it throws, or gives a value, and never reads beyond. The
// corpus is every kind of value as it is written; each is cut, changed and joined by a seed. Under
// the address sanitizer a read beyond the body ends the test.
#include "process/call_message.hpp"
#include "process/exception_record.hpp"
#include "process/message.hpp"

#include <support/stress_rounds.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <variant>

namespace {

using narke::message_reader;
using narke::message_writer;
using namespace narke::internal;
using bytes = std::vector<std::byte>;

/// One entry of the corpus: bytes, and how they are read.
struct specimen {
  bytes body;
  std::function<void(message_reader&)> read;
};

bytes body_of(const message_writer& written) {
  const auto body = narke::detail::message_access::body(written);
  return {body.begin(), body.end()};
}

template <class T>
specimen of(const T& value) {
  message_writer to;
  to.write(value);
  return {body_of(to), [](message_reader& from) { static_cast<void>(from.read<T>()); }};
}

specimen of_exception() {
  message_writer to;
  write_exception(to, std::make_exception_ptr(
                          std::system_error{std::make_error_code(std::errc::io_error), "reading"}));
  return {body_of(to), [](message_reader& from) { static_cast<void>(read_exception(from)); }};
}

specimen of_call_head() {
  message_writer to;
  to.write(code_location{bytes(20, std::byte{7}), 0x1234});
  to.write(std::optional{code_location{bytes(20, std::byte{9}), 0x4321}});
  to.write(std::uint64_t{17});
  to.write(std::int32_t{2});
  to.write(std::uint32_t{1});
  to.write(std::string{"name"});
  to.write(true);
  to.write(std::string{"actor"});
  to.write(std::int32_t{3});
  return {body_of(to), [](message_reader& from) { static_cast<void>(read_call_head(from)); }};
}

specimen of_leaving() {
  message_writer to;
  write_leaving(to, narke::internal::actor_leaving::lost, "a reason", true);
  return {body_of(to), [](message_reader& from) {
            narke::internal::host_call into;
            read_leaving(from, into);
          }};
}

std::vector<specimen> corpus() {
  return {of(1.5),
          of(std::string{"some text"}),
          of(std::u32string{U"wide"}),
          of(std::vector<int>{1, 2, 3}),
          of(std::vector<bool>{true, false}),
          of(std::vector<std::string>{"a", "bb", ""}),
          of(std::map<std::string, std::vector<double>>{{"x", {1, 2}}, {"y", {}}}),
          of(std::unordered_map<int, std::string>{{1, "one"}}),
          of(std::multiset<std::string>{"a", "a"}),
          of(std::deque<std::pair<int, std::string>>{{1, "a"}}),
          of(std::tuple<int, std::string, std::optional<double>>{1, "b", 2.5}),
          of(std::variant<int, std::string>{"text"}),
          of(std::array<std::string, 2>{"a", "b"}),
          of(std::vector<std::tuple<>>(3)),
          of(std::filesystem::path{"a/b"}),
          of(narke::array<float>{std::vector<float>(40, 1.F)}),
          of_exception(),
          of_call_head(),
          of_leaving()};
}

/// What one attempt came to: the decoder may throw these two and nothing else.
void expect_survives(const specimen& read_as, bytes body, std::uint64_t seed) {
  message_reader from = make_reader(std::move(body));
  try {
    read_as.read(from);
  } catch (const damaged_message&) {
  } catch (const std::bad_alloc&) {
  } catch (const std::exception& other) {
    ADD_FAILURE() << "seed " << seed << ": " << other.what();
  }
}

using random_source = std::mt19937_64;

void change(bytes& body, random_source& random, const bytes& other) {
  const auto at = [&](std::size_t size) { return size == 0 ? 0 : random() % size; };
  switch (random() % 5) {
    case 0:
      body.resize(at(body.size()));
      break;
    case 1:
      if (!body.empty()) body[at(body.size())] = static_cast<std::byte>(random());
      break;
    case 2:  // a length, perhaps
      if (body.size() >= 8) {
        const std::uint64_t values[] = {0, 1, ~std::uint64_t{0}, std::uint64_t{1} << 40, random()};
        const std::uint64_t value = values[random() % 5];
        std::memcpy(body.data() + at(body.size() - 7), &value, sizeof value);
      }
      break;
    case 3:
      body.insert(body.end(), other.begin(), other.end());
      break;
    default:
      if (!other.empty())
        body.assign(other.begin() + static_cast<std::ptrdiff_t>(at(other.size())), other.end());
      break;
  }
}

TEST(reader_fuzz, every_value_of_the_corpus_is_read_whole) {
  for (const specimen& each : corpus()) {
    message_reader from = make_reader(each.body);
    EXPECT_NO_THROW(each.read(from));
    EXPECT_EQ(from.left(), 0U);
  }
}

TEST(reader_fuzz, every_beginning_of_a_value_is_damaged) {
  for (const specimen& each : corpus()) {
    for (std::size_t size = 0; size != each.body.size(); ++size) {
      message_reader from = make_reader(
          bytes(each.body.begin(), each.body.begin() + static_cast<std::ptrdiff_t>(size)));
      EXPECT_THROW(each.read(from), damaged_message) << size << " of " << each.body.size();
    }
  }
}

TEST(reader_fuzz, no_change_of_a_message_does_harm) {
  const std::vector<specimen> all = corpus();
  const int seeds = narke_test::stress_rounds(20'000);
  for (std::uint64_t seed = 0; seed != static_cast<std::uint64_t>(seeds); ++seed) {
    random_source random{seed};
    const specimen& one = all[random() % all.size()];
    bytes body = one.body;
    for (std::uint64_t left = 1 + random() % 4; left != 0; --left) {
      change(body, random, all[random() % all.size()].body);
    }
    expect_survives(one, std::move(body), seed);
  }
}

}  // namespace
