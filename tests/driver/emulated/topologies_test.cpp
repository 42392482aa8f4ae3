// What the emulated devices are, seen through the same facts as real ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "driver/cuda_driver.hpp"
#include "driver/device_facts.hpp"
#include "driver/emulated/emulated_fixture.hpp"
#include "driver/emulated/emulated_topologies.hpp"

namespace narke::internal {
namespace {

driver_facts facts_of(const emulated_options& options) {
  emulated_driver driver(options);
  EXPECT_EQ(driver.table().init(0), cu_result::success);
  return read_driver_facts(driver.table());
}

TEST(emulated_topologies, equal_devices_have_their_own_identity) {
  emulated_options options;
  options.gpus = equal_gpus(8, 64 * mib);
  options.links = make_links(8, emulated_links::all);
  const driver_facts facts = facts_of(options);
  ASSERT_EQ(facts.devices.size(), 8U);
  EXPECT_THAT(facts.warnings, testing::IsEmpty());
  for (std::size_t i = 1; i < 8; ++i) {
    EXPECT_NE(facts.devices[i].uuid, facts.devices[0].uuid);
    EXPECT_NE(facts.devices[i].pci_bus_id, facts.devices[0].pci_bus_id);
    EXPECT_EQ(facts.devices[i].memory_total_bytes, 64 * mib);
    EXPECT_EQ(facts.devices[i].compute_capability, "9.0");
  }
  for (const peer_facts& peer : facts.peers) EXPECT_EQ(peer.can_access, true);
}

TEST(emulated_topologies, pairs_reach_each_other_and_nobody_else) {
  emulated_options options;
  options.gpus = equal_gpus(4, 64 * mib);
  options.links = make_links(4, emulated_links::pairs);
  const driver_facts facts = facts_of(options);
  ASSERT_EQ(facts.peers.size(), 12U);
  for (const peer_facts& peer : facts.peers) {
    EXPECT_EQ(peer.can_access, peer.from / 2 == peer.to / 2) << peer.from << " to " << peer.to;
  }
}

TEST(emulated_topologies, what_a_driver_told_is_told_again) {
  std::vector<device_facts> devices(2);
  devices[0] = {.ordinal = 0,
                .uuid = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
                .name = "A GPU",
                .pci_bus_id = "00000000:3B:00.0",
                .memory_total_bytes = 128 * mib,
                .compute_capability = "8.6",
                .multiprocessors = 82};
  devices[1].ordinal = 1;
  const std::vector<peer_facts> peers{
      {.from = 0, .to = 1, .can_access = true, .native_atomics = true, .performance_rank = 1}};
  const driver_facts facts = facts_of(emulate_devices(devices, peers, 64 * mib));
  ASSERT_EQ(facts.devices.size(), 2U);
  EXPECT_EQ(facts.devices[0].uuid, devices[0].uuid);
  EXPECT_EQ(facts.devices[0].name, "A GPU");
  EXPECT_EQ(facts.devices[0].pci_bus_id, "00000000:3B:00.0");
  EXPECT_EQ(facts.devices[0].memory_total_bytes, 128 * mib);
  EXPECT_EQ(facts.devices[0].compute_capability, "8.6");
  EXPECT_EQ(facts.devices[0].multiprocessors, 82);
  EXPECT_EQ(facts.devices[1].memory_total_bytes, 64 * mib);
  ASSERT_EQ(facts.peers.size(), 2U);
  EXPECT_EQ(facts.peers[0].can_access, true);
  EXPECT_EQ(facts.peers[0].performance_rank, 1);
  EXPECT_EQ(facts.peers[1].can_access, false) << "nothing was told of the way back";
}

TEST(emulated_topologies, no_devices_is_a_machine_without_a_gpu) {
  emulated_options options;
  options.gpus.clear();
  emulated_driver driver(options);
  EXPECT_EQ(driver.table().init(0), cu_result::no_device);
}

TEST(emulated_topologies, a_negative_number_of_devices_is_refused) {
  EXPECT_THROW((void)equal_gpus(-1, mib), std::invalid_argument);
  EXPECT_THROW((void)make_links(-1, emulated_links::all), std::invalid_argument);
}

TEST(emulated_topologies, codes_are_described_as_cuda_does) {
  emulated_driver driver(small_options());
  EXPECT_EQ(describe_result(driver.table(), cu_result::illegal_address),
            "CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access was encountered");
  EXPECT_EQ(describe_result(driver.table(), static_cast<cu_result>(12345)), "CUDA error 12345");
}

TEST(emulated_topologies, nothing_works_before_the_driver_is_initialised) {
  emulated_driver driver(small_options());
  int count = 0;
  EXPECT_EQ(driver.table().device_get_count(&count), cu_result::not_initialized);
}

}  // namespace
}  // namespace narke::internal
