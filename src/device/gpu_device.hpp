// A GPU that is open: its context, streams, memory and staging slots, and what is queued for it.
// Owned by the engine; everything but the constants is guarded by the engine's mutex.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "device/array_buffer.hpp"
#include "device/device_memory.hpp"
#include "device/gpu_work.hpp"
#include "device/stream_order.hpp"
#include "device/transfer.hpp"

namespace narke::internal {

/// The stream that the works of one share are in.
struct share_stream {
  std::uint64_t share_id = 0;
  gpu_stream* stream = nullptr;
  std::size_t works = 0;  ///< submitted and not complete
};

enum class device_phase : std::uint8_t { closed, opening, open, lost };

class gpu_device {
 public:
  gpu_device(int index, int ordinal) : index_{index}, ordinal_{ordinal} {}
  gpu_device(const gpu_device&) = delete;
  gpu_device& operator=(const gpu_device&) = delete;

  [[nodiscard]] int index() const noexcept { return index_; }
  [[nodiscard]] int ordinal() const noexcept { return ordinal_; }
  [[nodiscard]] std::uint64_t bit() const noexcept { return std::uint64_t{1} << (index_ % 64); }
  [[nodiscard]] cu_context context() const noexcept { return context_; }
  [[nodiscard]] std::vector<cu_event>& free_events() noexcept { return free_events_; }

  /// Least recently used first.
  void touch(replica& used) noexcept {
    unlink(used);
    link(used);
  }
  void link(replica& newest) noexcept {
    newest.older = newest_;
    newest.newer = nullptr;
    (newest_ != nullptr ? newest_->newer : oldest_) = &newest;
    newest_ = &newest;
  }
  void unlink(replica& gone) noexcept {
    (gone.older != nullptr ? gone.older->newer : oldest_) = gone.newer;
    (gone.newer != nullptr ? gone.newer->older : newest_) = gone.older;
    gone.older = gone.newer = nullptr;
  }
  [[nodiscard]] replica* oldest() const noexcept { return oldest_; }

 private:
  friend class gpu_engine;
  friend struct detail::gpu_frame;

  const int index_;
  const int ordinal_;
  device_phase phase_ = device_phase::closed;
  std::exception_ptr lost_;  // why, once it is lost or could not be opened
  bool is_loss_told_ = false;
  bool was_open_ = false;

  cu_device device_ = 0;
  cu_context context_ = nullptr;
  cu_mem_pool pool_ = nullptr;
  std::unique_ptr<device_memory> memory_;
  std::vector<gpu_stream*> compute_;
  gpu_stream* to_device_ = nullptr;
  gpu_stream* to_host_ = nullptr;
  gpu_stream* peers_ = nullptr;
  std::vector<cu_event> free_events_;
  cu_event probe_ = nullptr;  // never recorded: to ask for it tells whether the device answers
  staging_area staging_;
  std::vector<bool> peer_access_;  // by index: whether this device can read that one's memory

  replica* oldest_ = nullptr;
  replica* newest_ = nullptr;
  std::vector<replica*> builders_;  // written by bodies, never moved

  std::deque<gpu_work*> submitted_;
  std::deque<gpu_work*> prepared_;
  std::deque<gpu_work*> admitted_;
  std::deque<gpu_work*> again_;      // to be called once more, once their first work is complete
  const gpu_work* alone_ = nullptr;  // admitted, and wants nobody beside it until its body ended
  std::vector<std::deque<gpu_work*>> in_flight_;  // by compute stream: enqueued, not complete
  std::vector<bool> leased_;                      // by compute stream: a body runs or waits there
  std::vector<share_stream> shares_;
  std::uint64_t reserved_bytes_ = 0;  // for outputs of admitted works
  std::list<transfer> transfers_;
  // And arguments that are made ready, and works of other devices' queues that are admitted here.
  std::size_t bodies_running_ = 0;
  std::size_t chores_running_ = 0;
  bool is_blocked_for_memory_ = false;
  bool was_busy_ = false;                          // the last step did something
  int steps_unpolled_ = 0;                         // since the driver was asked for ends
  std::vector<const gpu_stream*> passed_streams_;  // of next_runnable, kept for its memory
  std::uint64_t evictions_ = 0;

  // Threads.
  std::condition_variable changed_;  // for those who have the role, or wait for it
  std::condition_variable chores_;   // for the thread that copies in host memory
  std::uint64_t role_number_ = 0;    // of who has the role
  bool role_taken_ = false;
  std::size_t spare_threads_ = 0;  // wait for the role
  std::vector<std::jthread> threads_;
};

}  // namespace narke::internal
