#include "driver/emulated/page_guard.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "driver/emulated/address_space.hpp"

namespace narke::internal::emulation {
namespace {

constexpr std::size_t ranges_max = 64;
constexpr std::size_t caught_max = 256;

struct watched_range {
  std::atomic<cu_device_ptr> begin{0};
  std::atomic<std::uint64_t> bytes{0};
};

struct caught_slot {
  std::atomic<cu_device_ptr> address{0};  // 0 = free; written last by the handler
  std::atomic<std::uint64_t> operation{0};
  std::atomic<bool> is_write{false};
};

/// What the handler sees: fixed memory and lock-free atomics, because it may run at any
/// instruction. The handler takes a slot by its number and writes the address last (release);
/// take() reads it (acquire), then frees all slots while no guarded work runs.
std::array<watched_range, ranges_max> ranges;
std::atomic<std::size_t> range_count{0};
std::array<caught_slot, caught_max> caught;
std::atomic<std::size_t> caught_count{0};
struct sigaction previous_action;
constinit thread_local std::uint64_t running_operation = 0;

bool is_watched(cu_device_ptr address) {
  const std::size_t count = range_count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    const cu_device_ptr begin = ranges[i].begin.load(std::memory_order_relaxed);
    if (address >= begin && address - begin < ranges[i].bytes.load(std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool is_write_fault([[maybe_unused]] const void* context) {
#if defined(__x86_64__)
  constexpr greg_t write_bit = 2;
  const auto* machine = static_cast<const ucontext_t*>(context);
  return (machine->uc_mcontext.gregs[REG_ERR] & write_bit) != 0;
#else
  return false;
#endif
}

void pass_on(int number, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0 && previous_action.sa_sigaction != nullptr) {
    previous_action.sa_sigaction(number, info, context);
    return;
  }
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(number);
    return;
  }
  // The instruction runs again, and this time nobody is in the way of the default action.
  ::sigaction(SIGSEGV, &previous_action, nullptr);
}

void on_fault(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<cu_device_ptr>(info->si_addr);
  if (!is_watched(address)) {
    errno = saved_errno;
    pass_on(number, info, context);
    return;
  }
  const std::size_t slot = caught_count.fetch_add(1, std::memory_order_relaxed);
  if (slot < caught_max) {
    caught[slot].operation.store(running_operation, std::memory_order_relaxed);
    caught[slot].is_write.store(is_write_fault(context), std::memory_order_relaxed);
    caught[slot].address.store(address, std::memory_order_release);
  }
  void* page = reinterpret_cast<void*>(address / page_bytes * page_bytes);
  ::mprotect(page, page_bytes, PROT_READ | PROT_WRITE);
  errno = saved_errno;
}

void protect(cu_device_ptr begin, std::uint64_t bytes, int protection) {
  const cu_device_ptr first = begin / page_bytes * page_bytes;
  const cu_device_ptr end = (begin + bytes + page_bytes - 1) / page_bytes * page_bytes;
  ::mprotect(reinterpret_cast<void*>(first), end - first, protection);
}

}  // namespace

page_guard::page_guard() {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGSEGV, &action, &previous_action);
}

page_guard::~page_guard() {
  ::sigaction(SIGSEGV, &previous_action, nullptr);
  range_count.store(0, std::memory_order_release);
  (void)take();
}

void page_guard::watch(cu_device_ptr begin, std::uint64_t bytes) {
  const std::size_t index = range_count.load(std::memory_order_relaxed);
  if (index == ranges_max) return;
  ranges[index].begin.store(begin, std::memory_order_relaxed);
  ranges[index].bytes.store(bytes, std::memory_order_relaxed);
  range_count.store(index + 1, std::memory_order_release);
}

void page_guard::open(std::uint64_t operation, std::span<const accessed_bytes> accesses) {
  running_operation = operation;
  for (const byte_access kind : {byte_access::read, byte_access::write}) {
    const int protection = kind == byte_access::read ? PROT_READ : PROT_READ | PROT_WRITE;
    for (const accessed_bytes& access : accesses) {
      if (access.access == kind) protect(access.begin, access.bytes, protection);
    }
  }
}

void page_guard::close(std::span<const accessed_bytes> accesses) {
  running_operation = 0;
  for (const accessed_bytes& access : accesses) {
    protect(access.begin, access.bytes, PROT_NONE);
  }
}

std::vector<caught_access> page_guard::take() {
  std::vector<caught_access> result;
  const std::size_t count = caught_count.exchange(0, std::memory_order_relaxed);
  for (std::size_t i = 0; i < count && i < caught_max; ++i) {
    caught_slot& slot = caught[i];
    const cu_device_ptr address = slot.address.exchange(0, std::memory_order_acquire);
    if (address == 0) continue;
    result.push_back({address, slot.operation.load(std::memory_order_relaxed),
                      slot.is_write.load(std::memory_order_relaxed)});
    if (is_watched(address)) protect(address, 1, PROT_NONE);
  }
  return result;
}

}  // namespace narke::internal::emulation
