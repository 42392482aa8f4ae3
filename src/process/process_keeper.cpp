// The keeper's half of the pool: one thread that spawns, watches and reaps.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/log.hpp"
#include "base/needed_memory.hpp"
#include "base/service_thread.hpp"
#include "process/code_location.hpp"
#include "process/process_pool.hpp"

namespace narke::internal {

namespace {
constexpr int memory_period_ms = 10;
}

void process_pool::start_keeper_locked() {
  if (keeper_.joinable() || is_stopping_) {
    return;
  }
  if (!is_loaded_at_start()) {
    throw error{
        "narke: isolation::process: this program does not load narke's shared library when it "
        "starts, so it cannot be started again as a worker. Link the program with narke::narke, or "
        "leave isolation at isolation::thread"};
  }
  wake_file_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  try {
    if (wake_file_ < 0) {
      throw std::system_error{errno, std::generic_category()};
    }
    keeper_ = std::thread{[this] { keep(); }};
  } catch (const std::system_error& failed) {
    if (wake_file_ >= 0) {
      ::close(std::exchange(wake_file_, -1));
    }
    throw error{fmt::format("narke: isolation::process: no thread to keep worker processes: {}",
                            failed.what())};
  }
}

void process_pool::wake_keeper() noexcept {
  ::eventfd_write(wake_file_, 1);
}

void process_pool::keep() noexcept {
  const memory_needed needed;
  is_service_thread = true;
  for (bool over = false; !over;) {
    try {
      wait_for_events();
      serve_spawns();
      watch_idle();
      watch_hosts();
      watch_memory();
      reap_ending();
      over = is_over();
    } catch (const std::exception& failed) {  // no memory: the next round does the same again
      log_error(fmt::format("narke: isolation::process: the keeper of workers: {}", failed.what()));
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }
}

// Requires that nobody runs a call any more when the pool stops.
bool process_pool::is_over() {
  const std::lock_guard lock{mutex_};
  if (!is_stopping_) {
    return false;
  }
  while (!idle_.empty()) {
    let_end_locked(std::move(idle_.front()));
    idle_.pop_front();
  }
  return ending_.empty() && spawns_.empty();
}

// A worker that hangs up is looked at once: by watch_idle, or by who waits for its answer.
void process_pool::wait_for_events() {
  std::vector<worker_ptr> watched;  // keeps the sockets open until the end
  std::vector<pollfd> files{{wake_file_, POLLIN, 0}};
  int timeout_ms = -1;
  {
    const std::lock_guard lock{mutex_};
    for (const worker_ptr& each : all_) {
      if (!each->has_hung_up) {
        watched.push_back(each);
        // Its process first: what that has started may have its socket still.
        files.push_back(each->exit_file() >= 0 ? pollfd{each->exit_file(), POLLIN, 0}
                                               : pollfd{each->socket(), POLLRDHUP, 0});
      }
    }
    if (!ending_.empty()) {
      timeout_ms = reap_period_ms;
    } else if (limited_ != 0) {
      timeout_ms = memory_period_ms;
    }
  }
  if (::poll(files.data(), files.size(), timeout_ms) <= 0) {
    return;
  }
  eventfd_t wakes = 0;
  static_cast<void>(::eventfd_read(wake_file_, &wakes));
  for (std::size_t i = 0; i != watched.size(); ++i) {
    if (files[i + 1].revents != 0) {
      watched[i]->has_hung_up = true;
      watched[i]->ask_to_end();  // wakes who waits for its answer, once he has read what came
    }
  }
}

void process_pool::serve_spawns() {
  for (;;) {
    const std::vector<std::string>* gpu_uuids = nullptr;
    {
      const std::lock_guard lock{mutex_};
      if (spawns_.empty()) {
        return;
      }
      gpu_uuids = spawns_.front()->gpu_uuids;
    }
    worker_ptr made;
    std::exception_ptr failed;
    try {
      made = std::make_shared<worker_process>(*gpu_uuids);
    } catch (...) {
      failed = std::current_exception();
    }
    const std::lock_guard lock{mutex_};
    spawn_request& request = *spawns_.front();
    spawns_.pop_front();
    if (made != nullptr) {
      all_.push_back(made);
    }
    request.made = std::move(made);
    request.failed = std::move(failed);
    request.is_done = true;
    spawned_.notify_all();
  }
}

// Idle workers that died, or that say something although nobody asked.
void process_pool::watch_idle() {
  const std::lock_guard lock{mutex_};
  for (auto each = idle_.begin(); each != idle_.end();) {
    if ((*each)->has_hung_up) {
      (*each)->kill();
      let_end_locked(std::move(*each));
      each = idle_.erase(each);
    } else {
      ++each;
    }
  }
}

// Processes of actors that ended while no call ran there. Told outside of the mutex.
void process_pool::watch_hosts() {
  struct lost_host {
    process_host* host;
    pid_t worker;
    int restarts;
  };
  std::vector<lost_host> lost;
  {
    const std::lock_guard lock{mutex_};
    lost.reserve(hosts_.size());
    for (process_host* host : hosts_) {
      if (!host->worker_->has_hung_up || host->is_told_) {
        continue;
      }
      host->has_hung_up_ = true;
      if (!host->is_busy_) {
        host->is_told_ = true;
        host->keep();
        lost.push_back({host, host->worker_->id(), host->restarts_});
      }
    }
  }
  for (const lost_host& each : lost) {
    each.host->lost(std::make_exception_ptr(worker_crashed_error{fmt::format(
                        "its worker process {} ended while no method ran", each.worker)}),
                    each.restarts);
  }
}

void process_pool::watch_memory() {
  const std::lock_guard lock{mutex_};
  for (const auto& [node, running] : running_) {
    const std::int64_t limit = running->call->memory_bytes;
    if (limit <= 0 || running->worker == nullptr || !running->has_begun ||
        running->why != nullptr) {
      continue;
    }
    const std::int64_t used = running->worker->resident_bytes() - running->base_bytes;
    if (used > limit) {
      log_warning(
          fmt::format("{} took {} bytes of memory, and its limit is {}: its worker process "
                      "{} is killed",
                      running->call->display_name, used, limit, running->worker->id()));
      end_locked(*running,
                 std::make_exception_ptr(worker_crashed_error{fmt::format(
                     "{}, attempt {}: its worker process {} was killed by its limit of memory: it "
                     "took {} bytes more than before the task, and memory = {}. Give the task more "
                     "memory, or less to do",
                     running->call->display_name, running->call->attempt, running->worker->id(),
                     used, limit)}));
    }
  }
}

void process_pool::reap_ending() {
  const std::lock_guard lock{mutex_};
  for (auto each = ending_.begin(); each != ending_.end();) {
    process_end end{.text = {}, .by_kill = false, .is_clean = true};
    if (each->worker->try_reap(&end)) {
      if (!end.is_clean && !end.by_kill) {
        log_warning(
            fmt::format("the idle worker process {} ended by {}", each->worker->id(), end.text));
      }
      each = ending_.erase(each);
      continue;
    }
    if (each->rounds_left-- == 0) {
      each->worker->kill();
    }
    ++each;
  }
}

}  // namespace narke::internal
