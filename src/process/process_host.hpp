// The worker process of one actor, from the call of its constructor until the state is to go. The
// pool makes it and watches it; what its end means is the actor's to say.
//
// Life of such a process:
//  1. The constructor's call starts it, as any call that finds no idle worker, and it stays with
//     the host when that call is answered, well or not.
//  2. Later calls are made in it, one at a time. Nobody else gets it.
//  3. It ends: by itself, by a limit or a cancel, or by kill. A call that runs finds that out, and
//     says so (host_call); else the keeper does, and calls lost(), once for each process. Both hold
//     the pool's mutex as they decide who tells: is_busy_.
//  4. end() is for when the state is not needed any more: it destroys it there, or is killed.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

namespace narke::internal {

class worker_process;

/// How a method asks for the end of its actor (this_actor).
enum class actor_leaving : std::uint8_t { not_at_all, end, lost };

class process_host {
 public:
  process_host() = default;
  process_host(const process_host&) = delete;
  process_host& operator=(const process_host&) = delete;
  /// Requires: ended.
  virtual ~process_host() = default;

  /// The owner stays until lost() has returned. Under the pool's mutex: takes no lock.
  virtual void keep() noexcept = 0;
  /// Step 3: the process that was started after so many restarts has ended by `why`. On the
  /// keeper's thread.
  virtual void lost(const std::exception_ptr& why, int restarts) noexcept = 0;

 private:
  friend class process_pool;

  // Guarded by the pool's mutex.
  std::shared_ptr<worker_process> worker_;  // null: none, or none any more
  int restarts_ = 0;                        // of the actor, when it was started
  bool is_busy_ = false;                    // a call runs there: it tells of the end
  bool has_hung_up_ = false;                // the keeper has seen the end
  bool is_told_ = false;                    // and has called lost()
  bool is_killed_ = false;                  // none is to be started
};

/// What a call in the process of an actor has beside, and what came of it.
struct host_call {
  process_host* host = nullptr;
  bool makes_state = false;  ///< the constructor: it starts the process
  std::string actor_name;    ///< as this_actor tells it
  int restarts = 0;

  bool is_process_gone = false;
  bool has_begun = true;  ///< else the body has not run
  actor_leaving leaving = actor_leaving::not_at_all;
  std::string reason;             ///< of actor_leaving::lost
  bool is_left_by_throw = false;  ///< the body ended by the exception that asks for the end
};

}  // namespace narke::internal
