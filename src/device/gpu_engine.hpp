// The GPU engine: takes works whose inputs are ordered or complete, brings the inputs to the
// device, calls the bodies in stream order, and sees their ends. One a process; open between the
// first GPU fact that is needed and the runtime's shutdown. One mutex guards what it knows: it is
// held for bookkeeping and for calls of the driver that only enqueue, never while a body runs, a
// driver call blocks, or memory is copied.
//
// Who submits to a device is a role. The thread that has it moves the device on, step by step
// (`advance`), and sleeps by the rules below when there is nothing to do. A body that waits gives
// the role to a spare thread first; its stream is leased to it until it returns.
//   nothing outstanding            sleep until somebody submits
//   only markers outstanding       look each millisecond
//   somebody waits for an end      look at once for 20 µs, then after 50 µs, doubling to 1 ms
//   nothing ended for 100 ms       look less often by and by, down to each 10 ms
// A callable whose bodies take long (body_times.hpp) gives the role to a spare thread as well,
// before its body is called.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "device/engine_mutation.hpp"
#include "device/gpu_device.hpp"
#include "device/gpu_work.hpp"
#include "device/stream_order.hpp"
#include "driver/driver_table.hpp"

namespace narke::internal {

struct gpu_engine_options {
  const driver_table* table = nullptr;
  std::vector<int> ordinals;  ///< of the devices, in the order of their indices
  std::uint64_t reserve_bytes = std::uint64_t{512} << 20;  ///< left to others on each device
  std::uint64_t slab_bytes = std::uint64_t{64} << 20;
  bool one_allocation_a_block = false;
  std::size_t chunk_bytes = std::size_t{4} << 20;
  std::size_t slots_a_direction = 4;
  int compute_streams = 4;
  std::size_t works_in_flight_max = 128;  ///< enqueued in one stream
  std::uint64_t marker_period = 16;       ///< works without an event
  std::uint64_t marker_age_ns = 1'000'000;
  bool is_emulated = false;               ///< the table's `emulate` takes work
  bool has_threads = true;                ///< false: the owner calls advance()
  bool verifies_links = true;             ///< by the bytes that come over them
  std::function<std::uint64_t()> now_ns;  ///< null: the steady clock
  engine_mutation* mutation = nullptr;    ///< of tests
};

/// What stands around a wait of a thread that may be a worker: set once by the layer above.
struct gpu_wait_hooks {
  void* (*begin)() = nullptr;  ///< its result is given to `end`
  void (*end)(void* begun) noexcept = nullptr;
};
extern constinit gpu_wait_hooks the_gpu_wait_hooks;

/// A wait, for as long as it exists. Outside every lock.
class gpu_wait {
 public:
  gpu_wait() : begun_{the_gpu_wait_hooks.begin != nullptr ? the_gpu_wait_hooks.begin() : nullptr} {}
  gpu_wait(const gpu_wait&) = delete;
  gpu_wait& operator=(const gpu_wait&) = delete;
  ~gpu_wait() {
    if (begun_ != nullptr) {
      the_gpu_wait_hooks.end(begun_);
    }
  }

 private:
  void* begun_;
};

struct gpu_device_facts {
  bool is_open = false;
  bool is_lost = false;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t peak_bytes = 0;
  std::uint64_t driver_allocations = 0;
  std::uint64_t evictions = 0;
};

struct gpu_engine_facts {
  std::vector<gpu_device_facts> devices;
  order_counts order;
  std::uint64_t works = 0;
  std::uint64_t bodies_on_spare_threads = 0;  ///< as those before them took long
  std::uint64_t bytes_to_device = 0;
  std::uint64_t bytes_to_host = 0;
  std::uint64_t bytes_between_devices = 0;
};

class gpu_engine {
 public:
  static gpu_engine& instance();

  /// Makes the devices known; opens none. Requires: closed.
  void start(gpu_engine_options options);
  /// Copies to the host what somebody holds and what is nowhere else, then closes every device.
  /// Requires: no work is left.
  void stop() noexcept;
  [[nodiscard]] bool is_started();

  /// Takes the work; its steps follow. Requires: started. Any thread.
  void submit(gpu_work& work) noexcept;
  /// Somebody waits for the work's end. Any thread; the work must still be there.
  void want(gpu_work& work) noexcept;
  /// Moves a device on, on this thread, by one step. Whether there was anything to do. Only where
  /// the engine has no threads.
  bool advance(int device);
  /// Whether nothing is queued, running or being copied.
  [[nodiscard]] bool is_idle();

  /// Called when a device was lost: with its index and why, outside the mutex. Set before start.
  void (*on_device_lost)(int device, const std::exception_ptr& why) noexcept = nullptr;

  [[nodiscard]] gpu_engine_facts facts();
  /// Works that are queued there.
  [[nodiscard]] std::size_t queue_length(int device);
  [[nodiscard]] int device_count();
  [[nodiscard]] bool is_emulated() const noexcept { return options_.is_emulated; }

  // For arrays.

  const void* host_bytes(detail::array_buffer& buffer);
  /// Begins a copy to the host without waiting for it.
  void prefetch_to_host(detail::array_buffer& buffer) noexcept;
  void let_go(detail::array_buffer& buffer) noexcept;
  [[nodiscard]] detail::array_ptr take_for_writing_on_host(detail::array_ptr buffer);
  void seal(detail::array_buffer& buffer) noexcept;

 private:
  friend struct detail::gpu_frame;
  using lock_type = std::unique_lock<std::mutex>;

  gpu_engine() = default;

  // Opening and closing.
  void open(gpu_device& device, lock_type& lock);
  void open_on_driver(gpu_device& device);
  void make_staging(gpu_device& device);
  void link_peers(gpu_device& device, lock_type& lock);
  void close(gpu_device& device) noexcept;
  void bring_all_to_host(gpu_device& device, lock_type& lock) noexcept;
  void lose(gpu_device& device, cu_result code, const char* call);
  void lose_unfinished(gpu_device& device, const gpu_device& lost);
  void give_handles_back(gpu_device& device) noexcept;
  void expect_leaned_on();
  [[nodiscard]] bool answers(const gpu_device& device);
  [[nodiscard]] std::exception_ptr why_lost(const gpu_work& work);
  bool check(gpu_device& device, cu_result code, const char* call);
  bool check_repeated(gpu_stream& stream, cu_result code, const char* call);
  bool wait_surely(gpu_stream& stream, const point_list& points);
  [[nodiscard]] std::exception_ptr why_failed(const gpu_work& work, const gpu_device& device,
                                              cu_result code, const char* call) const;

  // Threads.
  void ensure_thread(gpu_device& device);
  void submitter_loop(gpu_device& device, const std::stop_token& stop);
  void sleep(gpu_device& device, lock_type& lock, const std::stop_token& stop, unsigned idle_turns);
  void copier_loop(gpu_device& device, const std::stop_token& stop);
  void give_role_up(gpu_device& device);
  [[nodiscard]] bool has_waiters(const gpu_device& device) const;
  [[nodiscard]] bool has_outstanding(const gpu_device& device) const;

  // Moving on.
  bool advance_locked(gpu_device& device, lock_type& lock, bool makes_copies);
  bool take_step(gpu_device& device, lock_type& lock, bool makes_copies);
  [[nodiscard]] static bool is_time_to_poll(gpu_device& device);
  bool poll(gpu_device& device);
  bool finish_complete(gpu_device& device, lock_type& lock);
  bool prepare_next(gpu_device& device, lock_type& lock);
  bool are_others_open(const gpu_work& work, gpu_device& device, lock_type& lock,
                       std::exception_ptr& why);
  bool admit_next(gpu_device& device, lock_type& lock);
  [[nodiscard]] gpu_work* next_runnable(gpu_device& device);
  void run(gpu_work& work, gpu_device& device, lock_type& lock);
  void run_in(detail::gpu_frame& frame, gpu_work& work, gpu_device& device, lock_type& lock);
  std::exception_ptr begin_body(gpu_work& work, detail::gpu_frame& frame);
  void end_body(gpu_work& work, gpu_device& device, detail::gpu_frame& frame);
  void count_body(const gpu_work& work, int change);
  void call_again(gpu_work& work, gpu_device& device, lock_type& lock);
  bool requeue_again(gpu_device& device);
  void fail(gpu_work& work, const std::exception_ptr& why, lock_type& lock);
  void choose_streams(gpu_work& work);
  [[nodiscard]] bool has_leased_stream(const gpu_work& work);
  void forget_share(const gpu_work& work);
  gpu_stream& stream_for(gpu_device& device, std::uint64_t share_id);
  void mark_old_work(gpu_device& device);
  [[nodiscard]] static std::size_t slot_of(const gpu_device& device,
                                           const gpu_stream& stream) noexcept;

  // Memory.
  enum class admission { admitted, later, failed };
  admission try_admit(gpu_work& work, gpu_device& device, std::exception_ptr& why);
  admission admit_on_first(gpu_work& work, gpu_device& device, std::exception_ptr& why);
  admission reserve_elsewhere(gpu_work& work, std::exception_ptr& why);
  void give_reserved_back(gpu_work& work);
  void set_guest(gpu_work& work, bool is_guest);
  [[nodiscard]] bool is_claimed_by_another(const gpu_work& work) const;
  struct input_sizes {
    std::uint64_t all_bytes = 0;
    std::uint64_t missing_bytes = 0;
  };
  [[nodiscard]] static input_sizes sizes_of_inputs(const gpu_work& work, const gpu_device& device);
  bool make_room(gpu_device& device, std::uint64_t bytes, bool may_copy);
  bool drop_if_elsewhere(replica& candidate);
  void drop(replica& gone);
  bool place_inputs(gpu_work& work, gpu_device& device, std::exception_ptr& why);
  replica* bring(gpu_work& work, detail::array_buffer& buffer, gpu_device& device,
                 std::exception_ptr& why);
  bool is_drained(gpu_device& device);
  const char* copy_from_peer(replica& to, replica& from, cu_result& code);
  const char* copy_small_from_host(replica& to, cu_result& code);
  replica& add_replica(detail::array_buffer& buffer, gpu_device& device, device_block block);
  void unpin_inputs(gpu_work& work);
  static void unpin_for_retry(gpu_work& work, bool is_open);
  void make_pieces_whole(gpu_device& device);
  bool make_bare(gpu_device& device);
  void see_free_slabs_complete(gpu_device& device);
  [[nodiscard]] std::uint64_t wanted_output_bytes(const gpu_work& work, std::size_t place) const;
  static void learn(gpu_work& work);
  [[nodiscard]] std::exception_ptr too_large(const gpu_work& work, const gpu_device& device,
                                             std::uint64_t wanted_bytes) const;

  // Transfers.
  transfer& begin_transfer(transfer_direction direction, replica& on_device,
                           transfer_urgency urgency);
  bool move_transfers(gpu_device& device);
  bool enqueue_to_host(gpu_device& device, transfer& moved);
  [[nodiscard]] copy_chore next_chore(gpu_device& device);
  void finish_chore(gpu_device& device, const copy_chore& chore);
  void finish_transfer(gpu_device& device, transfer& done);
  void fail_transfers(gpu_device& device);
  bool do_chore(gpu_device& device, lock_type& lock);
  [[nodiscard]] transfer* find_to_host(detail::array_buffer& buffer);
  bool start_to_host(detail::array_buffer& buffer, transfer_urgency urgency);

  void release_later(detail::array_buffer& buffer);
  void sweep(lock_type& lock) noexcept;
  [[nodiscard]] std::uint64_t now_ns() const;
  [[nodiscard]] gpu_device* device_at(int index) noexcept;

  std::mutex mutex_;
  gpu_engine_options options_;
  std::unique_ptr<stream_order> order_;
  std::vector<std::unique_ptr<gpu_device>> devices_;
  bool is_started_ = false;
  bool is_stopping_ = false;
  bool is_any_lost_ = false;              // some device, since the start
  std::condition_variable host_changed_;  // a copy to the host came, or will not come
  std::unordered_map<const void*, learned_of_key> learned_;  // by work key
  const gpu_work* claimant_ = nullptr;  // of several devices, and the next to be admitted there
  std::uint64_t leaned_on_ = 0;         // bits of devices for whose work others were made to wait
  std::vector<detail::gpu_frame*> free_frames_;
  std::vector<detail::array_buffer*> released_;  // last references let go under the mutex
  gpu_engine_facts facts_;
};

}  // namespace narke::internal
