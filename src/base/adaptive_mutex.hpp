// A mutex for short sections that two threads enter all the time, such as one that submits and one
// that finishes: who finds it taken tries for a moment before he sleeps. Otherwise as std::mutex.
#pragma once

#include <pthread.h>

namespace narke::internal {

class adaptive_mutex {
 public:
  constexpr adaptive_mutex() noexcept = default;
  adaptive_mutex(const adaptive_mutex&) = delete;
  adaptive_mutex& operator=(const adaptive_mutex&) = delete;
  ~adaptive_mutex() = default;

  void lock() noexcept { ::pthread_mutex_lock(&mutex_); }
  bool try_lock() noexcept { return ::pthread_mutex_trylock(&mutex_) == 0; }
  void unlock() noexcept { ::pthread_mutex_unlock(&mutex_); }

 private:
  ::pthread_mutex_t mutex_ = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
};

}  // namespace narke::internal
