#include "harness/workload.hpp"

#include <ctime>

namespace bench {
namespace {

std::chrono::nanoseconds now(clockid_t clock) {
  timespec at{};
  if (clock_gettime(clock, &at) != 0) throw std::runtime_error{"clock_gettime failed"};
  return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
}

}  // namespace

void run::start() {
  if (is_started_) throw std::logic_error{"run::start() twice without stop()"};
  is_started_ = true;
  cpu_begin_ = now(CLOCK_PROCESS_CPUTIME_ID);
  real_begin_ = now(CLOCK_MONOTONIC);
}

void run::stop() {
  const auto real_end = now(CLOCK_MONOTONIC);
  const auto cpu_end = now(CLOCK_PROCESS_CPUTIME_ID);
  if (!is_started_) throw std::logic_error{"run::stop() without start()"};
  is_started_ = false;
  real_ += real_end - real_begin_;
  cpu_ += cpu_end - cpu_begin_;
}

}  // namespace bench
