// What this program may use of the machine, in words.
#pragma once

#include <cstddef>
#include <string>

namespace demo {

/// The first lines of the demo: CPUs, NUMA nodes, memory, GPUs, then the resources that tasks can
/// ask for. Needs a runtime.
std::string describe_resources();

/// One line for the figures: the CPU's name and how many of its CPUs tasks may use. Needs a
/// runtime.
std::string describe_machine();

/// Bytes of memory that can be taken now: what the runtime has left, or less where the system has
/// less. Needs a runtime.
std::size_t free_memory_bytes();

}  // namespace demo
