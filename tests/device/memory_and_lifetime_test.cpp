// Blocks, replicas and arrays: who may have which bytes when, seen from outside.
#include "engine_fixture.hpp"

namespace narke_test {
namespace {

using narke::internal::emulated_clock;

class memory_and_lifetime : public testing::Test {
 protected:
  test_work& on(std::uint64_t share, std::vector<words> inputs, std::size_t count, word salt) {
    test_work& work = scene.submit(share, std::move(inputs), mixing(count, salt));
    EXPECT_TRUE(scene.run_until_ordered(work));
    return work;
  }
  engine_scene scene;
};

TEST_F(memory_and_lifetime, array_that_went_to_the_host_and_back_has_the_same_bytes) {
  // Each result is half of the device: every second one drives an earlier one out.
  constexpr std::size_t count = 2 * mib / sizeof(word);
  std::vector<words> arrays;
  for (word i = 0; i != 5; ++i) {
    test_work& made = on(1, {}, count - 64, i);
    arrays.push_back(made.result());
    made.results.clear();
  }
  ASSERT_TRUE(scene.run_all());
  EXPECT_GE(scene.engine.facts().devices[0].evictions, 3U);
  for (word i = 0; i != 5; ++i) {
    test_work& reader = on(1, {arrays[i]}, 64, 0);
    EXPECT_EQ(values_of(reader.result()), mixed_on_host({mixed_on_host({}, count - 64, i)}, 64, 0));
  }
  for (word i = 0; i != 5; ++i) {
    EXPECT_EQ(values_of(arrays[i]), mixed_on_host({}, count - 64, i));
  }
}

TEST_F(memory_and_lifetime, array_over_several_chunks_comes_and_goes_whole) {
  const std::size_t count = 5 * scene.options.engine.chunk_bytes / sizeof(word) / 2 + 3;
  const std::vector<word> given = counting(count, 7);
  test_work& work = on(1, {words{given}}, count, 1);
  EXPECT_EQ(values_of(work.result()), mixed_on_host({given}, count, 1));
}

TEST_F(memory_and_lifetime, empty_and_single_word_arrays) {
  const words none;
  test_work& from_none = on(1, {none, words{counting(1, 9)}}, 1, 0);
  EXPECT_EQ(values_of(from_none.result()), mixed_on_host({{}, {9}}, 1, 0));
  test_work& makes_none = scene.submit(1, {none}, [](gpu_context& gpu, test_work& work) {
    work.results.emplace_back(gpu.allocate<word>(0));
  });
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(makes_none.result().empty());
  EXPECT_TRUE(values_of(makes_none.result()).empty());
}

TEST_F(memory_and_lifetime, input_given_twice_is_brought_once) {
  const words given{counting(32 * kib)};
  test_work& work = on(1, {given, given}, 16, 0);
  EXPECT_EQ(scene.engine.facts().bytes_to_device, 32 * kib * sizeof(word));
  EXPECT_EQ(values_of(work.result()),
            mixed_on_host({counting(32 * kib), counting(32 * kib)}, 16, 0));
}

TEST_F(memory_and_lifetime, works_that_share_an_input_bring_it_once) {
  const words given{counting(32 * kib)};
  std::vector<test_work*> readers;
  for (std::uint64_t share = 1; share != 9; ++share) {
    readers.push_back(&scene.submit(share, {given}, mixing(16, share)));
  }
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(scene.engine.facts().bytes_to_device, 32 * kib * sizeof(word));
  for (std::uint64_t share = 1; share != 9; ++share) {
    EXPECT_EQ(values_of(readers[share - 1]->result()),
              mixed_on_host({counting(32 * kib)}, 16, share));
  }
}

TEST_F(memory_and_lifetime, one_copy_down_serves_all_who_ask) {
  test_work& made = on(1, {}, 64 * kib, 3);
  const words first = made.result();
  const words second = first;
  scene.engine.prefetch_to_host(*narke::detail::array_access::buffer(first));
  scene.engine.prefetch_to_host(*narke::detail::array_access::buffer(second));
  EXPECT_EQ(first.host().data(), second.host().data());
  EXPECT_EQ(scene.engine.facts().bytes_to_host, 64 * kib * sizeof(word));
}

TEST_F(memory_and_lifetime, host_reads_while_a_work_reads) {
  test_work& made = on(1, {}, 64 * kib, 3);
  const words array = made.result();
  test_work& reader = scene.submit(2, {array}, mixing(64 * kib, 4));
  const std::vector<word> expected = mixed_on_host({}, 64 * kib, 3);
  EXPECT_EQ(values_of(array), expected);
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(values_of(reader.result()), mixed_on_host({expected}, 64 * kib, 4));
}

TEST_F(memory_and_lifetime, arrays_may_be_dropped_while_copies_are_under_way) {
  for (int turns = 0; turns != 40; ++turns) {
    words given{counting(96 * kib)};
    test_work& reader = scene.submit(1, {given}, mixing(96 * kib, 1));
    given = words{};
    for (int i = 0; i != turns; ++i) {
      scene.step();
    }
    if (!reader.results.empty()) {
      scene.engine.prefetch_to_host(*narke::detail::array_access::buffer(reader.results[0]));
      scene.step();
    }
    reader.when_ordered = [&reader] { reader.results.clear(); };
    if (reader.is_ordered) {
      reader.results.clear();
    }
  }
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(scene.engine.facts().devices[0].used_bytes, 0U);
}

TEST_F(memory_and_lifetime, last_handle_is_written_in_place_and_another_one_keeps_its_bytes) {
  const auto doubling = [](gpu_context& gpu, test_work& work) {
    words_builder taken = work.consume(0, gpu);
    gpu.emulate([out = taken.data(), count = taken.size()] {
      for (std::size_t i = 0; i != count; ++i) {
        out[i] *= 2;
      }
    });
    work.results.emplace_back(std::move(taken));
  };
  words made = on(1, {}, 1024, 5).results.at(0);
  const words kept = made;
  scene.works.front()->results.clear();
  test_work& copies = scene.submit(2, {std::move(made)}, doubling);
  ASSERT_TRUE(scene.run_until_ordered(copies));
  EXPECT_FALSE(copies.was_consumed);
  EXPECT_EQ(values_of(kept), mixed_on_host({}, 1024, 5));

  test_work& readers = scene.submit(3, {copies.results.at(0)}, mixing(1024, 0));
  ASSERT_TRUE(scene.run_until_ordered(readers));
  words last = std::move(copies.results.at(0));
  copies.results.clear();
  test_work& in_place = scene.submit(1, {std::move(last)}, doubling);
  ASSERT_TRUE(scene.run_until_ordered(in_place));
  EXPECT_TRUE(in_place.was_consumed);
  std::vector<word> expected = mixed_on_host({}, 1024, 5);
  for (word& each : expected) {
    each *= 2;
  }
  EXPECT_EQ(values_of(readers.result()), mixed_on_host({expected}, 1024, 0));
  for (word& each : expected) {
    each *= 2;
  }
  EXPECT_EQ(values_of(in_place.result()), expected);
}

TEST_F(memory_and_lifetime, builder_that_is_kept_over_works_is_written_by_each) {
  words_builder state;  // as an actor's
  scene.submit(1, {}, [&state](gpu_context& gpu, test_work&) {
    state = gpu.allocate<word>(1024);
    gpu.emulate([out = state.data()] {
      for (std::size_t i = 0; i != 1024; ++i) {
        out[i] = i;
      }
    });
  });
  for (int i = 0; i != 20; ++i) {
    scene.submit(1, {}, [&state](gpu_context& gpu, test_work&) {
      gpu.emulate([out = state.data()] {
        for (std::size_t k = 0; k != 1024; ++k) {
          ++out[k];
        }
      });
    });
  }
  test_work& last = scene.submit(1, {}, [&state](gpu_context&, test_work& work) {
    work.results.emplace_back(std::move(state));
  });
  ASSERT_TRUE(scene.run_until_ordered(last));
  EXPECT_EQ(values_of(last.result()), counting(1024, 20));
}

TEST_F(memory_and_lifetime, body_that_throws_is_ordered_and_its_memory_goes) {
  test_work& throws = scene.submit(1, {}, [](gpu_context& gpu, test_work&) {
    const words_builder made = gpu.allocate<word>(1024);
    gpu.emulate([out = made.data()] { out[0] = 1; });
    throw std::runtime_error{"meant"};
  });
  test_work& next = scene.submit(1, {}, mixing(16, 1));
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(message_of(throws.thrown), "meant");
  EXPECT_EQ(message_of(throws.error), "");
  EXPECT_TRUE(throws.is_ordered);
  EXPECT_EQ(values_of(next.result()), mixed_on_host({}, 16, 1));
  scene.works.clear();
  EXPECT_EQ(scene.engine.facts().devices[0].used_bytes, 0U);
}

TEST_F(memory_and_lifetime, arguments_that_cannot_be_had_fail_the_work_alone) {
  test_work& fails = scene.make(1, {}, mixing(16, 0));
  fails.prepare_throws = true;
  scene.submit(fails);
  test_work& next = scene.submit(1, {}, mixing(16, 1));
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(message_of(fails.error), "the arguments cannot be had");
  EXPECT_EQ(fails.times_run, 0);
  EXPECT_EQ(values_of(next.result()), mixed_on_host({}, 16, 1));
}

TEST_F(memory_and_lifetime, body_that_found_no_memory_is_called_again_alone) {
  // Each takes most of the device, and nothing was learned of it when it is called first.
  const std::size_t most = 3 * mib / sizeof(word);
  test_work& first = scene.make(1, {}, mixing(most, 1));
  test_work& second = scene.make(2, {}, mixing(most, 2));
  first.key = &first;
  second.key = &second;
  scene.submit(first);
  scene.submit(second);
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(first.times_run + second.times_run, 3);
  EXPECT_EQ(values_of(first.result()), mixed_on_host({}, most, 1));
  EXPECT_EQ(values_of(second.result()), mixed_on_host({}, most, 2));
}

TEST_F(memory_and_lifetime, what_can_never_fit_fails_with_both_sizes) {
  const std::size_t count = 5 * mib / sizeof(word);
  test_work& output = scene.submit(1, {}, mixing(count, 1));
  test_work& input = scene.submit(1, {words{counting(count)}}, mixing(16, 1));
  test_work& next = scene.submit(1, {}, mixing(16, 1));
  ASSERT_TRUE(scene.run_all());
  for (const test_work* each : {&output, &input}) {
    const std::exception_ptr& why = each->error != nullptr ? each->error : each->thrown;
    EXPECT_TRUE(is_a<narke::out_of_device_memory>(why));
    EXPECT_NE(message_of(why).find(std::to_string(5 * mib)), std::string::npos) << message_of(why);
    EXPECT_NE(message_of(why).find(std::to_string(4 * mib)), std::string::npos) << message_of(why);
  }
  EXPECT_EQ(values_of(next.result()), mixed_on_host({}, 16, 1));
}

TEST_F(memory_and_lifetime, scratch_is_used_again_within_its_body_and_after_it) {
  for (int i = 0; i != 50; ++i) {
    scene.submit(static_cast<std::uint64_t>(1 + i % 3), {}, [](gpu_context& gpu, test_work& work) {
      for (int k = 0; k != 4; ++k) {
        void* scratch = gpu.allocate_temporary(1 * mib);
        gpu.emulate([scratch] { *static_cast<word*>(scratch) = 1; });
        gpu.free_temporary(scratch);
      }
      words_builder made = gpu.allocate<word>(16);
      gpu.emulate([out = made.data()] { out[0] = 1; });
      work.results.emplace_back(std::move(made));
    });
  }
  ASSERT_TRUE(scene.run_all());
  EXPECT_LE(scene.engine.facts().devices[0].peak_bytes, 2 * mib);
}

TEST_F(memory_and_lifetime, array_outlives_the_engine_on_the_host) {
  words array = on(1, {}, 4096, 6).result();
  scene.finish();
  EXPECT_EQ(values_of(array), mixed_on_host({}, 4096, 6));
}

class several_devices : public testing::TestWithParam<bool> {
 protected:
  engine_scene scene{small_scene(3, 4 * mib, GetParam())};
};

TEST_P(several_devices, arrays_move_between_devices_with_and_without_links) {
  words current{counting(32 * kib)};
  std::vector<word> expected = counting(32 * kib);
  for (int i = 0; i != 9; ++i) {
    test_work& work = scene.submit(1, {current}, mixing(32 * kib, 1), {i % 3});
    ASSERT_TRUE(scene.run_until_ordered(work));
    current = work.result();
    expected = mixed_on_host({expected}, 32 * kib, 1);
  }
  EXPECT_EQ(values_of(current), expected);
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(scene.calls("memcpy_peer_async") > 0, GetParam());
}

TEST_P(several_devices, work_on_two_devices_has_both_and_joins_them) {
  if (!GetParam()) {
    GTEST_SKIP() << "inputs lie on the first device";
  }
  const words given{counting(1024)};
  const auto body = [](gpu_context& gpu, test_work& work) {
    ASSERT_EQ(gpu.size(), 2);
    words_builder left = gpu.on(0).allocate<word>(1024);
    words_builder right = gpu.on(1).allocate<word>(1024);
    const word* from = work.input(0, gpu);
    for (auto [part, out] : {std::pair{0, left.data()}, std::pair{1, right.data()}}) {
      gpu.on(part).emulate([from, out, part] {
        for (std::size_t i = 0; i != 1024; ++i) {
          out[i] = from[i] + static_cast<word>(part);
        }
      });
    }
    work.results.emplace_back(std::move(left));
    work.results.emplace_back(std::move(right));
  };
  std::vector<test_work*> both;
  for (int i = 0; i != 6; ++i) {
    both.push_back(
        &scene.submit(1, {given}, body, i % 2 == 0 ? std::vector{0, 2} : std::vector{2, 1}));
  }
  ASSERT_TRUE(scene.run_all());
  for (test_work* each : both) {
    EXPECT_EQ(values_of(each->result(0)), counting(1024));
    EXPECT_EQ(values_of(each->result(1)), counting(1024, 1));
  }
}

INSTANTIATE_TEST_SUITE_P(links, several_devices, testing::Bool(), [](const auto& with) {
  return with.param ? std::string{"linked"} : std::string{"apart"};
});

}  // namespace
}  // namespace narke_test
