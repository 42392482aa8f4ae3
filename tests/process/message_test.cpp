#include "process/message.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
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

void send_descriptor(int socket, const std::string& body, int descriptor) {
  iovec part{const_cast<char*>(body.data()), body.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  char room[CMSG_SPACE(sizeof(int))];
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* entry = CMSG_FIRSTHDR(&message);
  entry->cmsg_level = SOL_SOCKET;
  entry->cmsg_type = SCM_RIGHTS;
  entry->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(entry), &descriptor, sizeof descriptor);
  EXPECT_EQ(::sendmsg(socket, &message, 0), static_cast<ssize_t>(body.size()));
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

TEST(message, whose_descriptors_come_with_the_body_is_damaged) {
  socket_pair sockets;
  const raw_head head{.body_bytes = 4};
  ASSERT_EQ(::write(sockets.ends[0], &head, sizeof head), static_cast<ssize_t>(sizeof head));
  std::thread late{[&] {
    // Only once the head was taken, or both would come as one.
    int left = 1;
    while (left != 0) {
      ASSERT_EQ(::ioctl(sockets.ends[1], FIONREAD, &left), 0);
      std::this_thread::yield();
    }
    send_descriptor(sockets.ends[0], "body", STDERR_FILENO);
  }};
  message got;
  EXPECT_THROW(static_cast<void>(receive_message(sockets.ends[1], got)), damaged_message);
  late.join();
}

TEST(message, comes_though_the_sender_tells_who_it_is) {
  socket_pair sockets;
  const int yes = 1;
  ASSERT_EQ(::setsockopt(sockets.ends[1], SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes), 0);
  message_writer to;
  to.write(std::string{"text"});
  ASSERT_TRUE(send_message(sockets.ends[0], message_kind::value, to));
  message got;
  ASSERT_TRUE(receive_message(sockets.ends[1], got));
  EXPECT_EQ(make_reader(std::move(got)).read<std::string>(), "text");
}

TEST(message, from_or_to_what_is_no_socket_is_an_error) {
  message got;
  EXPECT_THROW(static_cast<void>(receive_message(-1, got)), std::system_error);
  EXPECT_THROW(static_cast<void>(send_message(-1, message_kind::value, message_writer{})),
               std::system_error);
}

std::atomic<int> signals_seen{0};

/// Counts SIGUSR1 in place of dying of it, and has it interrupt what a thread waits in.
class counted_signal {
 public:
  counted_signal() {
    signals_seen = 0;
    struct sigaction counting {};
    counting.sa_handler = [](int) { ++signals_seen; };
    ::sigaction(SIGUSR1, &counting, &before_);
  }
  counted_signal(const counted_signal&) = delete;
  counted_signal& operator=(const counted_signal&) = delete;
  ~counted_signal() { ::sigaction(SIGUSR1, &before_, nullptr); }
  /// Sends until `times` were seen. One that comes just before the thread sleeps is held back by
  /// the thread sanitizer until the call returns, which does not count recvmsg and sendmsg among
  /// those that wait: only another one ends such a call.
  static void send_to(std::thread& thread, int times) {
    for (; signals_seen < times; std::this_thread::yield()) {
      ::pthread_kill(thread.native_handle(), SIGUSR1);
    }
  }

 private:
  struct sigaction before_ {};
};

/// Waits until a thread sleeps in the system, as far as that can be seen.
void wait_until_asleep(pid_t thread) {
  for (char state = 'R'; state != 'S'; std::this_thread::yield()) {
    std::ifstream file{"/proc/self/task/" + std::to_string(thread) + "/stat"};
    std::string all;
    std::getline(file, all);
    state = all[all.rfind(')') + 2];
  }
}

TEST(message, is_not_lost_to_signals_of_the_program) {
  const counted_signal counting;
  socket_pair sockets;
  const std::string large(std::size_t{8} << 20, 'x');
  std::atomic<pid_t> receiver_id{0};
  std::atomic<pid_t> sender_id{0};
  message got;
  std::thread receiver{[&] {
    receiver_id = ::gettid();
    EXPECT_TRUE(receive_message(sockets.ends[1], got));
  }};
  while (receiver_id == 0) std::this_thread::yield();
  wait_until_asleep(receiver_id);
  counted_signal::send_to(receiver, 3);
  // The other way nobody reads, so that the sender waits too.
  std::thread sender{[&] {
    sender_id = ::gettid();
    message_writer to;
    for (std::size_t i = 0; i != large.size() / 1024; ++i) to.write(large.substr(0, 1024));
    EXPECT_TRUE(send_message(sockets.ends[1], message_kind::value, to));
  }};
  while (sender_id == 0) std::this_thread::yield();
  wait_until_asleep(sender_id);
  signals_seen = 0;
  counted_signal::send_to(sender, 3);
  message other;
  EXPECT_TRUE(receive_message(sockets.ends[0], other));
  sender.join();
  message_writer to;
  to.write(std::string{"at last"});
  EXPECT_TRUE(send_message(sockets.ends[0], message_kind::value, to));
  receiver.join();
  EXPECT_EQ(make_reader(std::move(got)).read<std::string>(), "at last");
  message_reader from = make_reader(std::move(other));
  EXPECT_EQ(from.read<std::string>(), large.substr(0, 1024));
}

/// A reader of one block that is said to be `size` bytes in the shared memory `descriptor`, which
/// has `bytes`.
message_reader reader_of_block(std::uint64_t size, std::uint64_t descriptor, off_t bytes) {
  message got;
  const std::uint64_t head[2] = {size, descriptor};
  const auto* first = reinterpret_cast<const std::byte*>(head);
  for (int i = 0; i != 2; ++i) got.body.insert(got.body.end(), first, first + sizeof head);
  const int file = ::memfd_create("block", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  EXPECT_EQ(::ftruncate(file, bytes), 0);
  EXPECT_EQ(::fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
            0);
  got.descriptors.push_back(file);
  return make_reader(std::move(got));
}

TEST(message, a_block_is_held_against_the_memory_that_came) {
  EXPECT_EQ(reader_of_block(4096, 1, 4096).read_block().size(), 4096U);
  EXPECT_THROW(static_cast<void>(reader_of_block(4097, 1, 4096).read_block()), damaged_message);
  EXPECT_THROW(static_cast<void>(reader_of_block(1, 2, 4096).read_block()), damaged_message);
  EXPECT_THROW(static_cast<void>(reader_of_block(100, 0, 4096).read_block()), damaged_message);
}

TEST(message, a_block_is_taken_once) {
  message_reader from = reader_of_block(4096, 1, 4096);
  EXPECT_EQ(from.read<narke::array<std::byte>>().size(), 4096U);
  EXPECT_THROW(from.read<narke::array<std::byte>>(), damaged_message);
}

TEST(message, shared_memory_larger_than_all_addresses_is_an_error) {
  EXPECT_THROW(reader_of_block(1, 1, off_t{1} << 47), std::system_error);
}

}  // namespace
