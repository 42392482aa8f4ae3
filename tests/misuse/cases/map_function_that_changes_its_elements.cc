// The elements of a map belong to it and are given as const.
// expect: narke::map: the function cannot be called with an element, which is const
#include <narke/narke.hpp>

#include <vector>

auto changed = narke::map([](int& x) { ++x; }, std::vector<int>{1, 2});
