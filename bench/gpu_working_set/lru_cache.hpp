// Which of the places on a device has which array, the least recently used one going first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <list>

namespace bench::gpu_working_set {

class lru_cache {
 public:
  struct found {
    std::size_t place = 0;
    bool was_there = false;
  };

  explicit lru_cache(std::size_t places) {
    for (std::size_t i = 0; i != places; ++i) entries_.push_back({nobody, i});
  }

  found use(std::size_t array) {
    const auto at = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const entry& each) { return each.array == array; });
    const bool was_there = at != entries_.end();
    entries_.splice(entries_.end(), entries_, was_there ? at : entries_.begin());
    entries_.back().array = array;
    return {entries_.back().place, was_there};
  }

 private:
  static constexpr std::size_t nobody = std::size_t(-1);
  struct entry {
    std::size_t array;
    std::size_t place;
  };
  std::list<entry> entries_;  // least recently used first
};

}  // namespace bench::gpu_working_set
