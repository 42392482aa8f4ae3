// Memory for small objects that one thread makes and another lets go, by the million: nodes of
// tasks and slots of values. A general allocator has to bring each back to the thread that it came
// from; here any thread keeps what it is given and uses it again, and threads exchange it in
// batches. After Bonwick and Adams, "Magazines and Vmem", USENIX 2001.
//
// What was once taken from the system stays here: a program that queued a million tasks can queue
// the next million in memory that is there already. Where there are many nodes each is a miss of
// every cache: the free ones are therefore listed side by side, and fetched before they are taken,
// and from 8 MiB of a size on they lie in large pages, where the system has them. Under a sanitizer
// every node is an allocation of its own, so that it sees their lifetimes. Any thread, from static
// constructors and destructors too.
#pragma once

#include <cstddef>

namespace narke::internal {

/// Larger ones come from operator new.
inline constexpr std::size_t slab_node_bytes_max = 1024;

/// `bytes` of memory, aligned to a cache line. Throws std::bad_alloc.
[[nodiscard]] void* take_node(std::size_t bytes);
/// Requires: `memory` came from take_node with the same number of bytes.
void give_node(void* memory, std::size_t bytes) noexcept;

/// What was taken from the system so far.
[[nodiscard]] std::size_t slab_bytes() noexcept;

}  // namespace narke::internal
