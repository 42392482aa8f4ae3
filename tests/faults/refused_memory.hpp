// Memory that runs out at one moment: operator new of this test program counts, and refuses the
// n-th allocation of any thread from the moment that it is asked to, or several from there on. It
// keeps to the standard's protocol: the new-handler is called and may have it try again.
#pragma once

#include <string>

namespace narke_test {

/// Refuses the `nth` allocation from here on (from 1), and the `more` after it. `scenario` names it
/// in the message when the process ends.
void refuse_memory(const char* scenario, long nth, long more);
/// Memory is there again. Returns how many allocations were asked for meanwhile.
long allow_memory();
/// Whether an allocation was refused since refuse_memory.
bool was_memory_refused();

/// How many blocks of operator new there are in this process.
long live_blocks();

}  // namespace narke_test
