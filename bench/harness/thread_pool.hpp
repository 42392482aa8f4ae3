// Debian's thread_pool for contenders: a pool with as many threads as others have, which gives a
// std::future for each task. They sleep while there is nothing to do.
#pragma once

#include <thread_pool/thread_pool.hpp>

#include "harness/cpu.hpp"

namespace bench {

/// Made at the first use, ends with the process.
inline thread_pool::ThreadPool& the_thread_pool() {
  static thread_pool::ThreadPool pool{std::size_t(thread_count())};
  return pool;
}

}  // namespace bench
