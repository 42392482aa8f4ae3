#include "base/service_thread.hpp"

namespace narke::internal {

constinit thread_local bool is_service_thread = false;

}  // namespace narke::internal
