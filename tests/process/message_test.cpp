#include "process/message.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

namespace {

using narke::message_reader;
using narke::message_writer;
using namespace narke::internal;

/// The two ends of a pair of sockets.
struct socket_pair {
  socket_pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0); }
  ~socket_pair() {
    close_end(0);
    close_end(1);
  }
  void close_end(int which) {
    if (ends[which] >= 0) ::close(std::exchange(ends[which], -1));
  }
  int ends[2] = {-1, -1};
};

/// The same head that a message has, to be sent by hand.
struct raw_head {
  std::uint32_t mark = 0x316b726e;
  std::uint32_t kind = static_cast<std::uint32_t>(message_kind::value);
  std::uint64_t body_bytes = 0;
  std::uint64_t descriptors = 0;
};

void send_raw(int socket, const raw_head& head, const std::string& body = {},
              const std::vector<int>& descriptors = {}) {
  std::string all{reinterpret_cast<const char*>(&head), sizeof head};
  all += body;
  iovec part{all.data(), all.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::vector<char> room(CMSG_SPACE(sizeof(int) * descriptors.size()));
  if (!descriptors.empty()) {
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* entry = CMSG_FIRSTHDR(&message);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(entry), descriptors.data(), sizeof(int) * descriptors.size());
  }
  EXPECT_EQ(::sendmsg(socket, &message, 0), static_cast<ssize_t>(all.size()));
}

int open_descriptors() {
  int count = 0;
  for (int file = 0; file < 256; ++file) count += ::fcntl(file, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

template <class T>
T there_and_back(const T& value) {
  socket_pair sockets;
  std::thread sender{[&] {
    message_writer to;
    to.write(value);
    EXPECT_TRUE(send_message(sockets.ends[0], message_kind::value, to));
  }};
  message got;
  EXPECT_TRUE(receive_message(sockets.ends[1], got));
  sender.join();
  EXPECT_EQ(got.kind, message_kind::value);
  message_reader from = make_reader(std::move(got));
  T read = from.read<T>();
  EXPECT_EQ(from.left(), 0U);
  return read;
}

TEST(message, comes_as_it_was_sent) {
  const int before = open_descriptors();
  EXPECT_EQ(there_and_back(std::string{"text"}), "text");
  const std::vector<std::string> large(20'000, std::string(100, 'x'));  // in the body
  EXPECT_EQ(there_and_back(large), large);
  const std::vector<int> shared(300'000, 7);  // in shared memory
  EXPECT_EQ(there_and_back(shared), shared);
  EXPECT_EQ(open_descriptors(), before);
}

TEST(message, has_no_more_descriptors_than_can_be_sent) {
  const std::vector<std::string> many(descriptors_max + 10,
                                      std::string(shared_block_bytes_min, 'x'));
  EXPECT_EQ(there_and_back(many), many);
}

TEST(message, an_array_in_shared_memory_is_mapped_and_outlives_its_message) {
  std::vector<int> numbers(200'000);
  for (std::size_t i = 0; i != numbers.size(); ++i) numbers[i] = static_cast<int>(i);
  const narke::array<int> back = there_and_back(narke::array<int>{numbers});
  EXPECT_EQ(back.to_vector(), numbers);
}

TEST(message, from_nobody_is_an_end_and_no_error) {
  socket_pair sockets;
  sockets.close_end(0);
  message got;
  EXPECT_FALSE(receive_message(sockets.ends[1], got));
  message_writer to;
  to.write(1);
  EXPECT_FALSE(send_message(sockets.ends[1], message_kind::call, to));
}

TEST(message, that_breaks_off_is_an_end) {
  socket_pair sockets;
  send_raw(sockets.ends[0], {.body_bytes = 100}, "only this");
  sockets.close_end(0);
  message got;
  EXPECT_FALSE(receive_message(sockets.ends[1], got));
}

void expect_damaged(const raw_head& head, const std::vector<int>& descriptors = {}) {
  const int before = open_descriptors();
  {
    socket_pair sockets;
    send_raw(sockets.ends[0], head, {}, descriptors);
    sockets.close_end(0);
    message got;
    EXPECT_THROW(
        {
          if (receive_message(sockets.ends[1], got)) make_reader(std::move(got));
        },
        damaged_message);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(message, of_other_kinds_is_damaged) {
  expect_damaged({.mark = 0});
  expect_damaged({.kind = 0});
  expect_damaged({.kind = message_kind_max + 1});
}

TEST(message, that_promises_more_than_can_be_is_damaged) {
  expect_damaged({.body_bytes = body_bytes_max + 1});
  expect_damaged({.body_bytes = ~std::uint64_t{0}});
  expect_damaged({.descriptors = 1});
}

TEST(message, a_promise_takes_no_memory) {
  socket_pair sockets;
  send_raw(sockets.ends[0], {.body_bytes = body_bytes_max}, "a little");
  sockets.close_end(0);
  message got;
  EXPECT_FALSE(receive_message(sockets.ends[1], got));
  EXPECT_LE(got.body.capacity(), std::size_t{1} << 20);
}

TEST(message, memory_that_is_not_sealed_is_refused) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  const int open_memory = ::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(::ftruncate(open_memory, 4096), 0);
  const int empty_memory = ::memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ::fcntl(empty_memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  expect_damaged({.descriptors = 1}, {pipe_ends[0]});
  expect_damaged({.descriptors = 1}, {open_memory});
  expect_damaged({.descriptors = 1}, {empty_memory});
  expect_damaged({.descriptors = 2}, {open_memory});
  expect_damaged({.descriptors = 0}, {open_memory});
  for (const int file : {pipe_ends[0], pipe_ends[1], open_memory, empty_memory}) ::close(file);
}

TEST(message, with_too_many_descriptors_is_damaged) {
  const std::vector<int> many(descriptors_max + 8, STDERR_FILENO);
  expect_damaged({.descriptors = many.size()}, many);
}

}  // namespace
