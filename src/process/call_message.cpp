#include "process/call_message.hpp"

#include <utility>

#include <fmt/format.h>

#include "process/exception_record.hpp"

namespace narke::internal {

void write_call(message_writer& to, const isolated_call& call) {
  to.write(locate(reinterpret_cast<detail::code_address>(call.part->entry())));
  const detail::code_address function = call.part->function();
  to.write(function != nullptr ? std::optional{locate(function)} : std::nullopt);
  to.write(call.id);
  to.write(std::int32_t{call.attempt});
  to.write(static_cast<std::uint32_t>(call.gpu_uuids.size()));
  to.write(call.name);
  to.write(call.hosted != nullptr);
  if (call.hosted != nullptr) {
    to.write(call.hosted->actor_name);
    to.write(std::int32_t{call.hosted->restarts});
  }
  call.part->write_arguments(to);
}

call_head read_call_head(message_reader& from) {
  call_head head;
  head.entry = from.read<code_location>();
  head.function = from.read<std::optional<code_location>>();
  head.id = from.read<std::uint64_t>();
  head.attempt = from.read<std::int32_t>();
  head.gpu_count = from.read<std::uint32_t>();
  head.name = from.read<std::string>();
  head.is_of_actor = from.read<bool>();
  if (head.is_of_actor) {
    head.actor_name = from.read<std::string>();
    head.restarts = from.read<std::int32_t>();
  }
  return head;
}

void write_leaving(message_writer& to, actor_leaving how, const std::string& reason,
                   bool by_throw) {
  to.write(static_cast<std::uint8_t>(how));
  to.write(reason);
  to.write(by_throw);
}

void read_leaving(message_reader& from, host_call& into) {
  const auto how = from.read<std::uint8_t>();
  into.reason = from.read<std::string>();
  into.is_left_by_throw = from.read<bool>();
  if (how > static_cast<std::uint8_t>(actor_leaving::lost) || from.left() != 0) {
    throw damaged_message{"it says how an actor ends in a way that is none"};
  }
  into.leaving = static_cast<actor_leaving>(how);
}

std::exception_ptr read_answer(const isolated_call& call, message&& answer) {
  const message_kind kind = answer.kind;
  message_reader from = make_reader(std::move(answer));
  std::exception_ptr thrown;
  switch (kind) {
    case message_kind::value:
      call.part->read_result(from);
      break;
    case message_kind::thrown:
      thrown = read_exception(from);
      break;
    case message_kind::refused:
      thrown = std::make_exception_ptr(error{
          fmt::format("{}: isolation::process: {}", call.display_name, from.read<std::string>())});
      break;
    default:
      throw damaged_message{"it is no answer to a call"};
  }
  if (from.left() != 0) {
    throw damaged_message{fmt::format("{} bytes are left of it", from.left())};
  }
  return thrown;
}

}  // namespace narke::internal
