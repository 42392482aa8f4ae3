// map: one function over all elements of a range, on all CPUs, in chunks that are as long as the
// elements are quick. What a loop of `remote` and `get` would do, without a task an element.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include <narke/detail/map_source.hpp>
#include <narke/detail/source_location.hpp>
#include <narke/options.hpp>

namespace narke {

struct map_options {
  number chunk = 0;       ///< elements that are run in one go; 0: as many as take about 50 µs
  std::string name = {};  ///< of its tasks
};

/// Calls `function` with each element of `range`, on all CPUs, and returns at once the ref to the
/// vector of what it returned, in the order of the elements (a ref to nothing when it returns
/// nothing). The map owns its range: an lvalue is copied, an rvalue moved, an iota kept; other
/// views and spans are copied into a vector; a ref to a vector or an array is read in place, and a
/// vector of refs waited for. Elements are given as const. A function that cannot be called as
/// const is copied for each chunk. When elements throw, `get` throws what the first of them, by
/// index, threw; later elements may or may not have been run. Throws std::invalid_argument for a
/// bad chunk or an empty ref, and as a task's remote. Any thread.
template <class F, class Range>
auto map(F&& function, Range&& range, const map_options& options = {},
         source_location location = source_location::current()) {
  using callable = std::decay_t<F>;
  using source = detail::map_source<callable, std::remove_cvref_t<Range>>;
  const std::size_t chunk = detail::checked_chunk(options.chunk);
  task_options of_task;
  of_task.name = options.name.empty() ? "map" : options.name;
  return source::launch(of_task, location, chunk, callable(std::forward<F>(function)),
                        std::forward<Range>(range));
}

}  // namespace narke
