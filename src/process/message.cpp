#include "process/message.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace narke {

using internal::damaged_message;

namespace {

constexpr std::size_t block_alignment = 16;

[[noreturn]] void fail(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

// Where a block lies, before its bytes: its size, and 0 for the body or the number of its
// descriptor from 1 on.
struct block_head {
  std::uint64_t size;
  std::uint64_t descriptor;
};

void write_all(int file, const std::byte* data, std::size_t size) {
  while (size != 0) {
    const ssize_t written = ::write(file, data, size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      fail("narke: isolation::process: no room for an argument or result in shared memory");
    }
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

constexpr unsigned seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

int make_sealed(const void* data, std::size_t size) {
  const int file = ::memfd_create("narke", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) {
    fail("narke: isolation::process: no shared memory for an argument or result");
  }
  try {
    write_all(file, static_cast<const std::byte*>(data), size);
    if (::fcntl(file, F_ADD_SEALS, seals) != 0) {
      fail("narke: isolation::process: shared memory cannot be sealed");
    }
  } catch (...) {
    ::close(file);
    throw;
  }
  return file;
}

// The memory of one descriptor, mapped for this process alone: what is written here stays here.
struct mapping {
  void* data = nullptr;
  std::size_t size = 0;

  mapping() noexcept = default;
  mapping(void* at, std::size_t bytes) noexcept : data{at}, size{bytes} {}
  mapping(mapping&& other) noexcept
      : data{std::exchange(other.data, nullptr)}, size{std::exchange(other.size, 0)} {}
  mapping& operator=(mapping&& other) noexcept {
    std::swap(data, other.data);
    std::swap(size, other.size);
    return *this;
  }
  ~mapping() {
    if (data != nullptr) {
      ::munmap(data, size);
    }
  }
};

mapping map_sealed(int file) {
  const int found = ::fcntl(file, F_GET_SEALS);
  struct stat facts {};
  if (found < 0 || (static_cast<unsigned>(found) & seals) != seals || ::fstat(file, &facts) != 0 ||
      facts.st_size <= 0) {
    throw damaged_message{"a descriptor is not that of sealed shared memory"};
  }
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  if (data == MAP_FAILED) {
    fail("narke: isolation::process: shared memory cannot be mapped");
  }
  return {data, size};
}

}  // namespace

message_writer::message_writer() : state_{std::make_unique<state>()} {}
message_writer::~message_writer() {
  internal::close_descriptors(state_->descriptors);
}

void message_writer::write_bytes(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  state_->body.insert(state_->body.end(), bytes, bytes + size);
}

void message_writer::write_block(const void* data, std::size_t size) {
  block_head head{size, 0};
  if (size >= internal::shared_block_bytes_min &&
      state_->descriptors.size() < internal::descriptors_max) {
    state_->descriptors.reserve(state_->descriptors.size() + 1);
    state_->descriptors.push_back(make_sealed(data, size));
    head.descriptor = state_->descriptors.size();
    write_bytes(&head, sizeof head);
    return;
  }
  write_bytes(&head, sizeof head);
  state_->body.resize((state_->body.size() + block_alignment - 1) / block_alignment *
                      block_alignment);
  write_bytes(data, size);
}

std::size_t message_writer::size() const noexcept {
  return state_->body.size();
}

struct message_reader::state {
  std::vector<std::byte> body;
  std::size_t position = 0;
  std::vector<mapping> blocks;  // by descriptor

  const std::byte* take(std::uint64_t size) {
    if (size > body.size() - position) {
      throw damaged_message{fmt::format("it ends after {} bytes, and {} more were to come",
                                        body.size(), size - (body.size() - position))};
    }
    const std::byte* begin = body.data() + position;
    position += static_cast<std::size_t>(size);
    return begin;
  }
};

message_reader::message_reader(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
message_reader::~message_reader() = default;

void message_reader::read_bytes(void* data, std::size_t size) {
  const std::byte* bytes = state_->take(size);
  if (size != 0) {
    std::memcpy(data, bytes, size);
  }
}

std::span<const std::byte> message_reader::read_block() {
  const detail::received_block block = detail::message_access::next_block(*this);
  return {block.data, block.size};
}

std::size_t message_reader::left() const noexcept {
  return state_->body.size() - state_->position;
}

std::size_t message_reader::read_count() {
  const auto count = read<std::uint64_t>();
  if (count > left()) {
    throw damaged_message{fmt::format("a list of {} elements in {} bytes", count, left())};
  }
  return static_cast<std::size_t>(count);
}

void message_reader::refuse(const char* why) const {
  throw damaged_message{why};
}

namespace detail {

received_block message_access::next_block(message_reader& from) {
  message_reader::state& in = *from.state_;
  block_head head{};
  from.read_bytes(&head, sizeof head);
  if (head.descriptor > in.blocks.size()) {
    throw damaged_message{"a block is in shared memory that did not come"};
  }
  if (head.descriptor == 0) {
    in.take((block_alignment - in.position % block_alignment) % block_alignment);
    return {in.take(head.size), static_cast<std::size_t>(head.size), 0};
  }
  const mapping& mapped = in.blocks[static_cast<std::size_t>(head.descriptor - 1)];
  if (mapped.data == nullptr || head.size > mapped.size) {
    throw damaged_message{"a block is larger than its shared memory, or was read before"};
  }
  return {static_cast<const std::byte*>(mapped.data), static_cast<std::size_t>(head.size),
          static_cast<std::size_t>(head.descriptor)};
}

array_ptr message_access::take_block(message_reader& from, const received_block& block) {
  if (block.descriptor == 0) {
    array_ptr copy = make_host_buffer(block.size);
    std::memcpy(builder_bytes(*copy), block.data, block.size);
    return copy;
  }
  auto owner = std::make_unique<mapping>(std::move(from.state_->blocks[block.descriptor - 1]));
  void* data = owner->data;
  array_ptr adopted = adopt_host_buffer(data, block.size, owner.get(), [](void* mapped) noexcept {
    delete static_cast<mapping*>(mapped);
  });
  static_cast<void>(owner.release());
  return adopted;
}

std::span<const std::byte> message_access::body(const message_writer& writer) noexcept {
  return writer.state_->body;
}

std::span<const int> message_access::descriptors(const message_writer& writer) noexcept {
  return writer.state_->descriptors;
}

message_reader message_access::make_reader(std::vector<std::byte> body,
                                           std::vector<int> descriptors) {
  try {
    auto made = std::make_unique<message_reader::state>();
    made->body = std::move(body);
    for (const int file : descriptors) {
      made->blocks.push_back(map_sealed(file));
    }
    internal::close_descriptors(descriptors);
    return message_reader{std::move(made)};
  } catch (...) {
    internal::close_descriptors(descriptors);
    throw;
  }
}

}  // namespace detail

namespace internal {

damaged_message::~damaged_message() = default;

void close_descriptors(std::vector<int>& descriptors) noexcept {
  for (const int file : descriptors) {
    ::close(file);
  }
  descriptors.clear();
}

namespace {

constexpr std::uint32_t message_mark = 0x316b726e;  // "nrk1"

struct message_head {
  std::uint32_t mark;
  std::uint32_t kind;
  std::uint64_t body_bytes;
  std::uint64_t descriptors;
};

union control_room {
  cmsghdr aligned;
  std::byte bytes[CMSG_SPACE(sizeof(int) * descriptors_max)];
};

// The descriptors go with the first byte.
void attach(msghdr& head, control_room& room, std::span<const int> descriptors) {
  if (descriptors.empty()) {
    return;
  }
  std::memset(&room, 0, sizeof room);
  head.msg_control = &room;
  head.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* entry = CMSG_FIRSTHDR(&head);
  entry->cmsg_level = SOL_SOCKET;
  entry->cmsg_type = SCM_RIGHTS;
  entry->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(entry), descriptors.data(), descriptors.size_bytes());
}

void take_descriptors(msghdr& head, std::vector<int>& into) {
  for (cmsghdr* entry = CMSG_FIRSTHDR(&head); entry != nullptr; entry = CMSG_NXTHDR(&head, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i != count; ++i) {
      int file = -1;
      std::memcpy(&file, CMSG_DATA(entry) + i * sizeof(int), sizeof file);
      into.push_back(file);
    }
  }
}

bool is_gone(int reason) noexcept {
  return reason == EPIPE || reason == ECONNRESET;
}

// One part of a message, and the descriptors that came with it. 0: the other side is gone.
std::size_t receive_some(int socket, void* into, std::size_t size, std::vector<int>& descriptors) {
  for (;;) {
    control_room room;
    iovec part{into, size};
    msghdr head{};
    head.msg_iov = &part;
    head.msg_iovlen = 1;
    head.msg_control = &room;
    head.msg_controllen = sizeof room;
    const ssize_t got = ::recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0 && !is_gone(errno)) {
      fail("narke: isolation::process: a worker cannot be heard");
    }
    if (got > 0) {
      take_descriptors(head, descriptors);
      if ((head.msg_flags & MSG_CTRUNC) != 0) {
        throw damaged_message{"it has more descriptors than allowed"};
      }
    }
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
}

bool receive_all(int socket, std::byte* into, std::size_t size, std::vector<int>& descriptors) {
  while (size != 0) {
    const std::size_t got = receive_some(socket, into, size, descriptors);
    if (got == 0) {
      return false;
    }
    into += got;
    size -= got;
  }
  return true;
}

void check(const message_head& head, std::size_t descriptors) {
  if (head.mark != message_mark || head.kind == 0 || head.kind > message_kind_max) {
    throw damaged_message{"it does not begin as one; something else wrote to its socket"};
  }
  if (head.body_bytes > body_bytes_max || head.descriptors != descriptors) {
    throw damaged_message{fmt::format("it is said to have {} bytes and {} descriptors",
                                      head.body_bytes, head.descriptors)};
  }
}

// Room is made as bytes come: what a head promises costs nothing.
bool receive_body(int socket, std::uint64_t size, message& into) {
  constexpr std::uint64_t step_min = std::uint64_t{64} << 10;
  while (into.body.size() < size) {
    const std::size_t had = into.body.size();
    const auto step = std::min<std::uint64_t>(size - had, std::max<std::uint64_t>(step_min, had));
    into.body.resize(had + static_cast<std::size_t>(step));
    if (!receive_all(socket, into.body.data() + had, static_cast<std::size_t>(step),
                     into.descriptors)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool send_message(int socket, message_kind kind, const message_writer& contents) {
  const std::span<const std::byte> body = detail::message_access::body(contents);
  const std::span<const int> descriptors = detail::message_access::descriptors(contents);
  message_head front{message_mark, static_cast<std::uint32_t>(kind), body.size(),
                     descriptors.size()};
  const std::size_t total = sizeof front + body.size();
  control_room room;
  for (std::size_t sent = 0; sent != total;) {
    msghdr head{};
    iovec parts[2];
    const std::size_t of_body = sent > sizeof front ? sent - sizeof front : 0;
    const std::size_t of_front = std::min(sent, sizeof front);
    parts[0] = {reinterpret_cast<std::byte*>(&front) + of_front, sizeof front - of_front};
    parts[1] = {const_cast<std::byte*>(body.data()) + of_body, body.size() - of_body};
    head.msg_iov = parts;
    head.msg_iovlen = 2;
    if (sent == 0) {
      attach(head, room, descriptors);
    }
    const ssize_t got = ::sendmsg(socket, &head, MSG_NOSIGNAL);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0 && is_gone(errno)) {
      return false;
    }
    if (got < 0) {
      fail("narke: isolation::process: a worker cannot be written to");
    }
    sent += static_cast<std::size_t>(got);
  }
  return true;
}

bool receive_message(int socket, message& into) {
  close_descriptors(into.descriptors);
  into.body.clear();
  try {
    message_head head{};
    if (!receive_all(socket, reinterpret_cast<std::byte*>(&head), sizeof head, into.descriptors)) {
      close_descriptors(into.descriptors);
      return false;
    }
    check(head, into.descriptors.size());
    into.kind = static_cast<message_kind>(head.kind);
    if (receive_body(socket, head.body_bytes, into)) {
      if (into.descriptors.size() != head.descriptors) {
        throw damaged_message{"descriptors came with its body"};
      }
      return true;
    }
  } catch (...) {
    close_descriptors(into.descriptors);
    throw;
  }
  close_descriptors(into.descriptors);
  return false;
}

message_reader make_reader(message&& from) {
  return detail::message_access::make_reader(std::move(from.body),
                                             std::exchange(from.descriptors, {}));
}

message_reader make_reader(std::vector<std::byte> body) {
  return detail::message_access::make_reader(std::move(body), {});
}

}  // namespace internal
}  // namespace narke
