// Messages between this process and its workers, over an unnamed pair of sockets. A message is a
// head of fixed size, a body, and descriptors of sealed shared memory for what is large. Whoever
// receives trusts nothing: lengths are held against what came, memory is taken only as bytes come,
// and shared memory has to be sealed, so that nobody can take it away from a reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include <narke/errors.hpp>
#include <narke/serialize.hpp>

namespace narke {

struct message_writer::state {
  std::vector<std::byte> body;
  std::vector<int> descriptors;  // owned
};

namespace internal {

/// A message that is damaged, too short, or not one at all.
class damaged_message : public error {
 public:
  using error::error;
  ~damaged_message() override;
};

/// What a message is; the first word of its body follows from it.
enum class message_kind : std::uint32_t {
  hello = 1,     ///< worker: it is ready for calls
  cannot_start,  ///< worker: it cannot become one; a text says why
  call,
  value,    ///< worker: the result
  refused,  ///< worker: the call could not be made, and nothing of it ran; a text says why
  thrown,   ///< worker: an exception (exception_record.hpp)
  leaving,  ///< worker: the actor ends by this call; the answer follows, unless it is by a throw
};
inline constexpr std::uint32_t message_kind_max = static_cast<std::uint32_t>(message_kind::leaving);

/// At most so many descriptors go with a message; what is large beyond them goes in its body.
inline constexpr std::size_t descriptors_max = 64;
/// Blocks from this size on go into shared memory.
inline constexpr std::size_t shared_block_bytes_min = std::size_t{256} << 10;
/// No message is larger than this, without what it has in shared memory.
inline constexpr std::uint64_t body_bytes_max = std::uint64_t{1} << 40;

void close_descriptors(std::vector<int>& descriptors) noexcept;

struct message {
  message() = default;
  message(const message&) = delete;
  message& operator=(const message&) = delete;
  ~message() { close_descriptors(descriptors); }

  message_kind kind = message_kind::hello;
  std::vector<std::byte> body;
  std::vector<int> descriptors;  // owned, until make_reader takes them over
};

/// False when the other side is gone. Throws std::system_error for anything else.
[[nodiscard]] bool send_message(int socket, message_kind kind, const message_writer& contents);
/// False when the other side is gone before the message was there. Throws damaged_message,
/// std::bad_alloc.
[[nodiscard]] bool receive_message(int socket, message& into);

/// Takes over body and descriptors. Throws damaged_message when a descriptor is not that of sealed
/// shared memory, std::system_error.
message_reader make_reader(message&& from);
message_reader make_reader(std::vector<std::byte> body);

}  // namespace internal
}  // namespace narke
