// Tells ThreadSanitizer what orders the threads that share an exception. libstdc++ counts who holds
// it by instructions that the sanitizer does not see, since the library is not instrumented: so the
// one who drops it last would seem to race with those who read it and dropped it before.
//
// The two functions of libstdc++ that drop a reference stand here once more, before its own:
//  1. A thread takes the lock, which the sanitizer does not see either.
//  2. It says that what it did so far comes before whoever says next that he is at this exception
//     (release), and that it comes after all who have said so (acquire).
//  3. libstdc++ drops the reference, and with the last one the exception.
//  4. The lock is let go. Without it another could say 2 and drop the last reference between this
//     thread's 2 and 3, and would not come after it.
// Compiled without the sanitizer, and linked into tests that have it.
#include <dlfcn.h>
#include <sched.h>

#include <exception>

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

namespace {

int is_locked = 0;
thread_local int depth = 0;  // an exception may hold another one

class order_lock {
 public:
  order_lock() noexcept {
    if (depth++ == 0) {
      while (__atomic_exchange_n(&is_locked, 1, __ATOMIC_ACQUIRE) != 0) sched_yield();
    }
  }
  ~order_lock() {
    if (--depth == 0) __atomic_store_n(&is_locked, 0, __ATOMIC_RELEASE);
  }
  order_lock(const order_lock&) = delete;
  order_lock& operator=(const order_lock&) = delete;
};

void come_after_all_who_dropped(void* exception) {
  if (exception == nullptr) return;
  __tsan_release(exception);
  __tsan_acquire(exception);
}

template <class Function>
Function* of_libstdcxx(const char* symbol) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, symbol));
}

constexpr const char* release_symbol = "_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv";

}  // namespace

/// std::exception_ptr::_M_release: `self` is where the exception_ptr keeps the exception.
extern "C" [[gnu::visibility("default")]] void release_exception_ptr(void** self) noexcept
    asm("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");

void release_exception_ptr(void** self) noexcept {
  static auto* const theirs = of_libstdcxx<void(void**)>(release_symbol);
  const order_lock lock;
  come_after_all_who_dropped(*self);
  theirs(self);
}

/// The end of a handler.
extern "C" [[gnu::visibility("default")]] void __cxa_end_catch() {
  static auto* const theirs = of_libstdcxx<void()>("__cxa_end_catch");
  const order_lock lock;
  void* exception = nullptr;
  {
    const std::exception_ptr current = std::current_exception();
    static_assert(sizeof current == sizeof exception);
    __builtin_memcpy(&exception, &current, sizeof exception);
  }
  come_after_all_who_dropped(exception);
  theirs();
}
