#include "submit_get/workload.hpp"

#include <thread>

namespace bench::submit_get {

contender measure(const std::string& name, const parameters& asked,
                  const std::function<int(int)>& submit_and_get) {
  return {name, [asked, submit_and_get](run& measured) {
            std::size_t wrong = 0;
            const bool is_idle = asked.idle_before.count() != 0;
            if (!is_idle) measured.start();
            for (std::size_t i = 0; i != asked.tasks; ++i) {
              if (is_idle) {
                std::this_thread::sleep_for(asked.idle_before);
                measured.start();
              }
              wrong += submit_and_get(int(i)) != value_of(int(i)) ? 1 : 0;
              if (is_idle) measured.stop();
            }
            if (!is_idle) measured.stop();
            expect_equal<std::size_t>(wrong, 0, "the number of wrong results");
          }};
}

}  // namespace bench::submit_get
