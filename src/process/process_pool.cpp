#include "process/process_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/needed_memory.hpp"
#include "process/call_message.hpp"

namespace narke::internal {

namespace {

constexpr int starts_max = 64;        // of a call whose workers are killed before it begins
constexpr int faulty_starts_max = 2;  // of a call whose workers die by themselves before it begins
// A worker that keeps so much more than when it was fresh is not used again.
constexpr std::int64_t kept_bytes_max = std::int64_t{64} << 20;
constexpr std::uint64_t calls_between_looks = 16;
constexpr int state_end_ms = 5'000;  // for the destructor of an actor's state

[[noreturn]] void throw_crashed(const isolated_call& call, pid_t worker, const std::string& what) {
  throw worker_crashed_error{fmt::format(
      "{}, attempt {}: its worker process {} {}. What it was doing is lost: look at what it wrote "
      "to standard error, or let it run again by max_retries",
      call.display_name, call.attempt, worker, what)};
}

[[noreturn]] void throw_ended_before(const isolated_call& call, const process_end& end) {
  throw worker_crashed_error{
      fmt::format("{}, attempt {}: the process of its actor ended by {} before the call began",
                  call.display_name, call.attempt, end.text)};
}

// A serializer of the user's may throw: the worker is none the worse for it.
std::exception_ptr read_whole_answer(const isolated_call& call, message&& answer) {
  try {
    return read_answer(call, std::move(answer));
  } catch (const damaged_message&) {
    throw;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

process_pool& process_pool::instance() {
  // Never destroyed: threads of the user may still call while static objects go.
  static auto* pool = new process_pool;
  return *pool;
}

/// Steps 1 and 5.
class process_pool::registration {
 public:
  registration(process_pool& pool, running_call& running) : pool_{pool}, running_{running} {
    const std::lock_guard lock{pool_.mutex_};
    pool_.running_.emplace(running_.call->node, &running_);
    pool_.limited_ += running_.call->memory_bytes > 0 ? 1 : 0;
  }
  registration(const registration&) = delete;
  registration& operator=(const registration&) = delete;
  ~registration() {
    const std::lock_guard lock{pool_.mutex_};
    pool_.running_.erase(running_.call->node);
    pool_.limited_ -= running_.call->memory_bytes > 0 ? 1 : 0;
  }

 private:
  process_pool& pool_;
  running_call& running_;
};

// A worker for one attempt. Killed, reaped and dropped at the end, unless it is given back.
class process_pool::lease {
 public:
  lease(process_pool& pool, running_call& running)
      : pool_{pool}, running_{running}, worker_{pool.acquire(*running.call)} {
    const std::lock_guard lock{pool_.mutex_};
    running_.worker = worker_.get();
    running_.has_begun = false;
  }
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;
  ~lease() {
    if (worker_ != nullptr) {
      worker_->kill();
      static_cast<void>(reaped());
    }
  }

  worker_process& worker() noexcept { return *worker_; }
  /// From here on nobody ends the worker because of this call. Throws what ended the call.
  void take_from_call() {
    const std::exception_ptr why = [this] {
      const std::lock_guard lock{pool_.mutex_};
      running_.worker = nullptr;
      return running_.why;
    }();
    if (why != nullptr) {
      std::rethrow_exception(why);
    }
  }
  /// Of a worker that is gone.
  process_end reaped() noexcept {
    const memory_needed needed;
    const process_end end = worker_->reap();
    if (host_call* const hosted = running_.call->hosted) {
      hosted->is_process_gone = true;
    }
    {
      const std::lock_guard lock{pool_.mutex_};
      running_.worker = nullptr;
    }
    pool_.drop(std::exchange(worker_, nullptr));
    return end;
  }
  void give_back() {
    if (running_.call->hosted != nullptr) {
      worker_ = nullptr;  // its host has it
    } else {
      pool_.give_back(std::exchange(worker_, nullptr));
    }
  }

 private:
  process_pool& pool_;
  running_call& running_;
  worker_ptr worker_;
};

// A call is made in the process of its actor: while it lives, it is the one that tells of the end.
class process_pool::stay {
 public:
  stay(process_pool& pool, host_call* hosted) noexcept
      : pool_{pool}, host_{hosted != nullptr ? hosted->host : nullptr} {
    if (host_ != nullptr) {
      const std::lock_guard lock{pool_.mutex_};
      host_->is_busy_ = true;
    }
  }
  stay(const stay&) = delete;
  stay& operator=(const stay&) = delete;
  ~stay() {
    if (host_ != nullptr) {
      const std::lock_guard lock{pool_.mutex_};
      host_->is_busy_ = false;
      if (host_->worker_ != nullptr && host_->has_hung_up_) {
        pool_.wake_keeper();  // it ended after its answer
      }
    }
  }

 private:
  process_pool& pool_;
  process_host* const host_;
};

void process_pool::run(const isolated_call& call) {
  message_writer request;
  write_call(request, call);
  running_call running{&call, nullptr, nullptr, false, 0};
  const registration registered{*this, running};
  if (call.node->has_ended_early()) {
    return;  // nobody wants what it makes: who ended it may have come before the registration
  }
  const std::stop_callback on_stop{call.stop, [&] { ask_to_stop(running); }};
  const stay in_host{*this, call.hosted};
  int faults = 0;
  for (int starts = 1;; ++starts) {
    const std::optional<process_end> lost = attempt(running, request);
    if (!lost) {
      return;
    }
    if (call.hosted != nullptr && !call.hosted->makes_state) {
      throw_ended_before(call, *lost);
    }
    faults += lost->by_kill ? 0 : 1;
    if (starts == starts_max || faults == faulty_starts_max) {
      throw worker_crashed_error{fmt::format(
          "{}, attempt {}: no worker process lived until the task began, the last ended by {}. A "
          "worker is this program again, up to its main: look at what its static objects do, and "
          "who kills it",
          call.display_name, call.attempt, lost->text)};
    }
  }
}

// One worker: nullopt when the call is done, else how the worker ended before the call began.
// Throws what the call ended by.
std::optional<process_end> process_pool::attempt(running_call& running,
                                                 const message_writer& request) {
  const isolated_call& call = *running.call;
  if (call.hosted != nullptr) {
    call.hosted->is_process_gone = false;
    call.hosted->has_begun = false;
  }
  lease leased{*this, running};
  worker_process& worker = leased.worker();
  const pid_t id = worker.id();
  try {
    message answer;
    const bool is_answered = wait_until_ready(worker) && begin_call(running, worker) &&
                             send_message(worker.socket(), message_kind::call, request) &&
                             receive_answer(running, worker, answer);
    const bool is_started = worker.calls != 0 && worker.control().started.load(
                                                     std::memory_order_acquire) == worker.calls;
    if (call.hosted != nullptr) {
      call.hosted->has_begun = is_answered || is_started;
    }
    leased.take_from_call();
    if (!is_answered) {
      const process_end end = leased.reaped();
      if (!is_started) {
        return end;
      }
      throw_crashed(call, id, fmt::format("ended by {} before it was done", end.text));
    }
    if (call.hosted != nullptr && call.hosted->is_left_by_throw) {
      leased.give_back();
      return std::nullopt;
    }
    const std::exception_ptr thrown = read_whole_answer(call, std::move(answer));
    leased.give_back();
    if (thrown != nullptr) {
      std::rethrow_exception(thrown);
    }
    return std::nullopt;
  } catch (const damaged_message& damaged) {
    throw_crashed(call, id, fmt::format("sent what cannot be read: {}", damaged.what()));
  }
}

// The worker's hello, which the first call waits for.
bool process_pool::wait_until_ready(worker_process& worker) {
  if (worker.is_ready) {
    return true;
  }
  message hello;
  if (!receive_message(worker.socket(), hello)) {
    return false;
  }
  if (hello.kind == message_kind::cannot_start) {
    throw error{fmt::format("narke: isolation::process: {}",
                            make_reader(std::move(hello)).read<std::string>())};
  }
  if (hello.kind != message_kind::hello) {
    throw damaged_message{"it did not begin with hello"};
  }
  worker.is_ready = true;
  worker.fresh_bytes = worker.resident_bytes();
  return true;
}

// False when the call was ended before.
bool process_pool::begin_call(running_call& running, worker_process& worker) {
  const bool is_limited = running.call->memory_bytes > 0;
  // What an actor has kept since it was made is its own.
  const std::int64_t bytes = !is_limited                       ? 0
                             : running.call->hosted != nullptr ? worker.fresh_bytes
                                                               : worker.resident_bytes();
  const std::lock_guard lock{mutex_};
  if (running.why != nullptr) {
    return false;
  }
  running.number = ++worker.calls;
  running.base_bytes = bytes;
  running.has_begun = true;
  if (running.is_to_stop) {
    worker.control().asked_to_stop.store(running.number, std::memory_order_release);
  }
  if (is_limited) {
    wake_keeper();
  }
  return true;
}

bool process_pool::end(const detail::task_node& node, const std::exception_ptr& why) noexcept {
  const std::lock_guard lock{mutex_};
  const auto found = running_.find(&node);
  if (found == running_.end()) {
    return false;
  }
  end_locked(*found->second, why);
  return true;
}

void process_pool::end_locked(running_call& running, const std::exception_ptr& why) noexcept {
  if (running.why == nullptr) {
    running.why = why;
  }
  if (running.worker != nullptr) {
    running.worker->kill();
  }
}

void process_pool::ask_to_stop(running_call& running) noexcept {
  const std::lock_guard lock{mutex_};
  running.is_to_stop = true;
  if (running.worker != nullptr && running.has_begun) {
    running.worker->control().asked_to_stop.store(running.number, std::memory_order_release);
  }
}

// A method may say that its actor ends, before its answer or in place of it.
bool process_pool::receive_answer(running_call& running, worker_process& worker, message& answer) {
  if (!receive_message(worker.socket(), answer)) {
    return false;
  }
  host_call* const hosted = running.call->hosted;
  if (answer.kind != message_kind::leaving || hosted == nullptr) {
    return true;
  }
  message_reader reader = make_reader(std::move(answer));
  read_leaving(reader, *hosted);
  return hosted->is_left_by_throw || receive_message(worker.socket(), answer);
}

// An idle one, or a new one. An actor has a new one for its constructor, and that for its methods.
process_pool::worker_ptr process_pool::acquire(const isolated_call& call) {
  std::unique_lock lock{mutex_};
  if (call.hosted == nullptr) {
    worker_ptr idle = acquire_idle_locked(call.gpu_uuids);
    return idle != nullptr ? idle : spawn_locked(lock, call.gpu_uuids);
  }
  process_host& host = *call.hosted->host;
  if (call.hosted->makes_state && !host.is_killed_) {
    worker_ptr made = spawn_locked(lock, call.gpu_uuids);
    host.worker_ = made;
    host.restarts_ = call.hosted->restarts;
    host.has_hung_up_ = false;
    host.is_told_ = false;
    hosts_.push_back(&host);
    if (host.is_killed_) {
      made->kill();
    }
    return made;
  }
  if (host.worker_ == nullptr) {
    call.hosted->is_process_gone = true;
    throw worker_crashed_error{
        fmt::format("{}: the process of its actor is gone", call.display_name)};
  }
  return host.worker_;
}

process_pool::worker_ptr process_pool::acquire_idle_locked(
    const std::vector<std::string>& gpu_uuids) {
  for (auto each = idle_.rbegin(); each != idle_.rend(); ++each) {
    if ((*each)->gpu_uuids() == gpu_uuids) {
      worker_ptr taken = std::move(*each);
      idle_.erase(std::next(each).base());
      return taken;
    }
  }
  return nullptr;
}

process_pool::worker_ptr process_pool::spawn_locked(std::unique_lock<std::mutex>& lock,
                                                    const std::vector<std::string>& gpu_uuids) {
  start_keeper_locked();
  spawn_request request{&gpu_uuids, nullptr, nullptr, false};
  spawns_.push_back(&request);
  wake_keeper();
  spawned_.wait(lock, [&] { return request.is_done; });
  if (request.failed != nullptr) {
    std::rethrow_exception(request.failed);
  }
  return std::move(request.made);
}

// A worker that is reaped.
void process_pool::drop(const worker_ptr& worker) noexcept {
  const std::lock_guard lock{mutex_};
  std::erase(all_, worker);
  std::erase_if(hosts_, [&](process_host* host) {
    const bool is_its = host->worker_ == worker;
    if (is_its) {
      host->worker_ = nullptr;
    }
    return is_its;
  });
}

void process_pool::kill(process_host& host) noexcept {
  const std::lock_guard lock{mutex_};
  host.is_killed_ = true;
  if (host.worker_ != nullptr) {
    host.worker_->kill();
  }
}

void process_pool::end(process_host& host) noexcept {
  worker_ptr worker;
  {
    const std::lock_guard lock{mutex_};
    worker = host.worker_;
    host.is_told_ = true;  // that it ends is known
  }
  if (worker == nullptr) {
    return;
  }
  worker->ask_to_end();
  static_cast<void>(worker->reap(std::chrono::milliseconds{state_end_ms}));
  drop(worker);
}

// A worker that has grown fat is fresh again as another process.
void process_pool::give_back(worker_ptr worker) {
  const memory_needed needed;
  const bool is_fat = worker->calls % calls_between_looks == 0 &&
                      worker->resident_bytes() - worker->fresh_bytes > kept_bytes_max;
  const std::lock_guard lock{mutex_};
  worker_ptr leaving;
  if (is_fat) {
    leaving = std::move(worker);
  } else {
    idle_.push_back(std::move(worker));
    if (idle_.size() > idle_max_) {
      leaving = std::move(idle_.front());
      idle_.pop_front();
    }
  }
  if (leaving != nullptr) {
    let_end_locked(std::move(leaving));
    wake_keeper();
  }
}

void process_pool::let_end_locked(worker_ptr worker) {
  worker->ask_to_end();
  std::erase(all_, worker);
  ending_.push_back({std::move(worker), ending_rounds});
}

void process_pool::keep_idle(std::size_t count) noexcept {
  const std::lock_guard lock{mutex_};
  idle_max_ = count;
}

void process_pool::stop() noexcept {
  std::thread keeper;
  {
    const std::lock_guard lock{mutex_};
    if (!keeper_.joinable()) {
      return;
    }
    is_stopping_ = true;
    keeper = std::move(keeper_);
    wake_keeper();
  }
  keeper.join();
  const std::lock_guard lock{mutex_};
  is_stopping_ = false;
  ::close(std::exchange(wake_file_, -1));
}

}  // namespace narke::internal
