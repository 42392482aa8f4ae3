// The words that the runtime and the placement lane exchange. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.hpp"
#include "resources/allocation.hpp"
#include "resources/input_bytes.hpp"
#include "resources/resource_request.hpp"

namespace narke::internal {

using ticket_id = std::uint64_t;
/// A GPU share that is handed over in stream order; never used again, never 0.
using share_id = std::uint64_t;

/// Ticks of a lane that has nothing waiting.
inline constexpr std::uint64_t no_ticks = UINT64_MAX;

/// One task or actor that asks to be placed. Older = fewer ticks, then the lower id.
struct ticket {
  ticket_id id = 0;       ///< not 0
  resource_request request;
  std::uint64_t submitted_ticks = 0;
  bool for_life = false;  ///< an actor: its end cannot be counted on, as if always blocked
  /// A GPU task: its body only enqueues work, so `on_ordered` comes before `on_finished`.
  bool in_stream_order = false;
  /// Of a task in stream order, hints for the choice of its share: where its inputs lie, and the
  /// ticket that makes the last of them, 0 when all are there. It has to wait for that one anyway.
  input_bytes inputs = {};
  ticket_id follows = 0;
};

/// A ticket that runs from here on; its CPUs are counted, the rest is in `granted`.
struct assignment {
  ticket_id id = 0;
  /// Lives, unchanged, until the ticket has finished.
  const allocation* granted = nullptr;
  share_id share = 0;         ///< of a ticket in stream order, else 0
  bool is_successor = false;  ///< it took the share over, its predecessors may still run
};

struct step_result {
  std::vector<assignment> assignments;  ///< in the order decided
  int permits_to_return = 0;            ///< whole CPUs that leave this lane
};

enum class ticket_state : std::uint8_t { unknown, pending, running, blocked };

/// Why a pending ticket does not run.
enum class wait_cause : std::uint8_t {
  nothing,            ///< it does not wait, or the next step decides
  equal_ahead,        ///< an older ticket with the same request stands in front
  resources,          ///< what it lacks is held
  cpus,               ///< it lacks CPUs only, and is the one that collects them
  collector,          ///< free CPUs are kept for `waits_behind`
  held_for_life,      ///< it needs CPUs that actors hold
  reserved,           ///< `waits_behind` was passed so often that it has first call
  share_not_ordered,  ///< it takes a GPU share over once `waits_behind` has enqueued its work
  bundle,             ///< its bundle is not reserved yet, or what it lacks there is held
  shares_drain,       ///< it has first call on GPUs; the shares there are not handed over meanwhile
};

struct missing_resource {
  std::string name;      ///< "CPU", "GPU", "gpu_memory", "memory" or a custom name
  double wanted = 0;
  double available = 0;  ///< the sum: of GPU and gpu_memory it may do, but on several devices
  std::vector<ticket_id> holders;  ///< lowest id first
  std::vector<double> held;        ///< by each of them; those on one GPU share all hold it
};

struct ticket_explanation {
  ticket_state state = ticket_state::unknown;
  wait_cause cause = wait_cause::nothing;
  std::optional<ticket_id> waits_behind;
  std::vector<missing_resource> missing;
  int passed_by = 0;                ///< later requests that ran since it is the oldest of its shape
};

}  // namespace narke::internal
