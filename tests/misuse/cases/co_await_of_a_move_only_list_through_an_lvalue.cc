// expect: co_await std::move(refs)
#include <narke/narke.hpp>

#include <memory>
#include <vector>

narke::co_task<> takes(std::vector<narke::object_ref<std::unique_ptr<int>>> refs) {
  co_await refs;
}

int main() { narke::task(takes).remote(std::vector<narke::object_ref<std::unique_ptr<int>>>{}); }
