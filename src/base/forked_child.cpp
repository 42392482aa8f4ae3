#include "base/forked_child.hpp"

#include <string>

#include <narke/errors.hpp>

namespace narke::internal {

constinit std::atomic<bool> is_forked_child_flag{false};

void throw_fork_error(const char* call) {
  throw fork_error{std::string{"narke::"} + call +
                   ": this process is a child of fork, and the runtime stayed in its parent. Use "
                   "narke in the parent alone; have the child execute another program, or fork "
                   "before narke::init()"};
}

}  // namespace narke::internal
