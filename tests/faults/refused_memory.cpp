#include "faults/refused_memory.hpp"

#include <execinfo.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

namespace {

constexpr long nothing_refused = -1;

std::atomic<long> asked{0};
std::atomic<long> first_refused{nothing_refused};
std::atomic<long> last_refused{0};
std::atomic<bool> refused{false};
std::atomic<long> blocks{0};

// Where the last refused allocation was asked for, and in which scenario, for the message of a
// process that ends by it.
const char* current_scenario = "";
std::array<void*, 32> refused_at{};
std::atomic<int> refused_depth{0};

bool is_refused() noexcept {
  const long first = first_refused.load(std::memory_order_acquire);
  if (first == nothing_refused) {
    return false;
  }
  const long number = asked.fetch_add(1, std::memory_order_relaxed) + 1;
  if (number < first || number > last_refused.load(std::memory_order_relaxed)) {
    return false;
  }
  if (!refused.exchange(true)) {
    refused_depth = ::backtrace(refused_at.data(), static_cast<int>(refused_at.size()));
  }
  return true;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  for (;;) {
    if (!is_refused()) {
      bytes = (bytes + alignment) / alignment * alignment;  // never 0
      if (void* memory = std::aligned_alloc(alignment, bytes)) {
        blocks.fetch_add(1, std::memory_order_relaxed);
        return memory;
      }
    }
    if (const std::new_handler handler = std::get_new_handler()) {
      handler();
    } else {
      throw std::bad_alloc{};
    }
  }
}

void* allocate_or_null(std::size_t bytes) noexcept {
  try {
    return allocate(bytes, alignof(std::max_align_t));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void give_back(void* memory) noexcept {
  if (memory != nullptr) {
    blocks.fetch_sub(1, std::memory_order_relaxed);
    std::free(memory);
  }
}

[[noreturn]] void tell_and_abort() {
  std::fprintf(stderr, "%s: ended by the refusal of allocation %ld, which was asked for at\n",
               current_scenario, first_refused.load());
  ::backtrace_symbols_fd(refused_at.data(), refused_depth, STDERR_FILENO);
  std::fprintf(stderr, "and ended at\n");
  std::array<void*, 32> here{};
  ::backtrace_symbols_fd(here.data(), ::backtrace(here.data(), static_cast<int>(here.size())),
                         STDERR_FILENO);
  std::abort();
}

}  // namespace

// All forms: a sanitizer has its own of each, which do not go together with these.
void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes);
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }

namespace narke_test {

void refuse_memory(const char* scenario, long nth, long more) {
  [[maybe_unused]] static const bool is_told = [] {
    std::array<void*, 1> first{};
    ::backtrace(first.data(), 1);  // loads what it needs
    std::set_terminate(tell_and_abort);
    return true;
  }();
  current_scenario = scenario;
  asked = 0;
  refused = false;
  last_refused = nth + more;
  first_refused.store(nth, std::memory_order_release);
}

long allow_memory() {
  first_refused.store(nothing_refused, std::memory_order_release);
  return asked;
}

bool was_memory_refused() { return refused; }

long live_blocks() { return blocks; }

}  // namespace narke_test
