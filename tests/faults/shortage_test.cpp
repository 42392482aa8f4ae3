// A process that comes to its limit on memory, set by the system: tasks are told, and none is lost.
#include <support/fresh_process.hpp>
#include <support/runtime_fixture.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <vector>

using narke_test::gate;
using narke_test::in_fresh_process;
using narke_test::tally;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool limits_work = false;  // the sanitizer has reserved more already
#else
constexpr bool limits_work = true;
#endif

/// From here on this process may have so many bytes of addresses more.
void allow_more(std::size_t bytes) {
  std::ifstream in{"/proc/self/statm"};
  std::size_t pages = 0;
  in >> pages;
  const rlim_t limit = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes;
  const rlimit both{limit, limit};
  if (::setrlimit(RLIMIT_AS, &both) != 0) std::abort();
}

constexpr std::size_t mebibyte = std::size_t{1} << 20;

TEST(shortage, is_told_to_the_tasks_that_meet_it_and_the_others_go_on) {
  if (!limits_work) GTEST_SKIP() << "a sanitizer has more addresses than any limit";
  in_fresh_process([] {
    narke::init({.num_cpus = 2});
    narke::get(narke::task([] {}).remote());
    allow_more(256 * mebibyte);
    const auto take = [](int mebibytes) {
      const std::vector<char> taken(static_cast<std::size_t>(mebibytes) * mebibyte, 'x');
      return static_cast<int>(taken.size() / mebibyte);
    };
    std::vector<narke::object_ref<int>> refs;
    for (int i = 0; i != 40; ++i) refs.push_back(narke::task(take).remote(i % 2 == 0 ? 1 : 1'000));
    for (std::size_t i = 0; i != refs.size(); ++i) {
      if (i % 2 == 0) {
        EXPECT_EQ(narke::get(refs[i]), 1);
      } else {
        EXPECT_THROW(narke::get(refs[i]), std::bad_alloc);
      }
    }
    narke_test::expect_nothing_held();
    narke::shutdown();
  });
}

// Until nothing is left, by a task, whose queue is the worker's own, and by a thread outside.
TEST(shortage, that_ends_the_submitting_loses_no_task) {
  if (!limits_work) GTEST_SKIP() << "a sanitizer has more addresses than any limit";
  for (const bool by_a_task : {true, false}) {
    in_fresh_process([by_a_task] {
      narke::init({.num_cpus = 2});
      gate hold;
      const tally ran;
      const tally begun;
      auto other = narke::task([begun, wait = hold.waiter()] {
        begun.add();
        wait();
      }).remote();
      begun.wait_for(1);
      auto one = narke::task([ran] { ran.add(); });
      const auto submit_all = [one] {
        int submitted = 0;
        try {
          for (;; ++submitted) one.remote();
        } catch (const std::bad_alloc&) {
        }
        return submitted;
      };
      int submitted = 0;
      {
        const narke_test::busy_cpus busy{by_a_task ? 0 : 1};
        allow_more(96 * mebibyte);
        submitted = by_a_task ? narke::get(narke::task(submit_all).remote()) : submit_all();
      }
      hold.open();
      narke::get(other);
      EXPECT_GT(submitted, 10'000);
      ran.wait_for(submitted);
      EXPECT_EQ(ran.value(), submitted);
      narke_test::expect_nothing_held();
      narke::shutdown();
    });
  }
}

}  // namespace
