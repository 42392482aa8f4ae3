#include <support/fibre.hpp>

#include <sys/mman.h>

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace narke_test {

namespace {

constexpr std::size_t stack_bytes = std::size_t{512} * 1'024;  // touched pages alone cost memory

fibre* running = nullptr;

}  // namespace

// Kept and used again: a million short histories need but a few.
struct fibre::stack_memory {
  stack_memory() : bytes{mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0)} {
    if (bytes == MAP_FAILED) {
      throw std::bad_alloc{};
    }
#if defined(__SANITIZE_THREAD__)
    thread = __tsan_create_fiber(0);
#endif
  }
  stack_memory(const stack_memory&) = delete;
  stack_memory& operator=(const stack_memory&) = delete;
  ~stack_memory() {
#if defined(__SANITIZE_THREAD__)
    __tsan_destroy_fiber(thread);
#endif
    munmap(bytes, stack_bytes);
  }

  static std::vector<std::unique_ptr<stack_memory>>& spare() {
    static std::vector<std::unique_ptr<stack_memory>> all;
    return all;
  }
  static stack_memory* take() {
    if (spare().empty()) {
      return new stack_memory;
    }
    stack_memory* taken = spare().back().release();
    spare().pop_back();
    return taken;
  }

  void* const bytes;
  void* thread = nullptr;  // as ThreadSanitizer knows it
};

fibre::fibre(std::function<void()> body) : body_{std::move(body)}, stack_{stack_memory::take()} {
  getcontext(&own_);
  own_.uc_stack.ss_sp = stack_->bytes;
  own_.uc_stack.ss_size = stack_bytes;
  own_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&own_, reinterpret_cast<void (*)()>(&fibre::enter), 2,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

// One that was left half-way keeps its stack: something may point there.
fibre::~fibre() {
  static auto* left = new std::vector<stack_memory*>;
  if (has_ended_) {
    stack_memory::spare().emplace_back(stack_);
  } else {
    left->push_back(stack_);
  }
}

const std::byte* fibre::lowest_stack_byte() const {
  return static_cast<const std::byte*>(stack_->bytes);
}

fibre* fibre::current() { return running; }

void fibre::enter(unsigned high, unsigned low) {
  const auto self = (std::uintptr_t{high} << 32) | low;
  reinterpret_cast<fibre*>(self)->run();
}

void fibre::run() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &outside_bottom_, &outside_size_);
#endif
  body_();
  body_ = nullptr;
  has_ended_ = true;
  leave(true);
}

void fibre::resume() {
  running = this;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&outside_fake_stack_, stack_->bytes, stack_bytes);
#endif
#if defined(__SANITIZE_THREAD__)
  outside_thread_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(stack_->thread, 0);
#endif
  swapcontext(&outside_, &own_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(outside_fake_stack_, nullptr, nullptr);
#endif
  running = nullptr;
}

void fibre::yield() { running->leave(false); }

void fibre::leave([[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &own_fake_stack_, outside_bottom_,
                                 outside_size_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(outside_thread_, 0);
#endif
  swapcontext(&own_, &outside_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(own_fake_stack_, &outside_bottom_, &outside_size_);
#endif
}

}  // namespace narke_test
