#include "driver/device_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "driver/cuda_driver.hpp"
#include "driver/fake_driver.hpp"

namespace {

using namespace narke::internal;
using narke_test::fake_driver_settings;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

driver_facts read_fake() {
  const cuda_driver driver = load_cuda_driver(NARKE_FAKE_CUDA);
  EXPECT_EQ(driver.state, driver_state::present) << driver.problem;
  return driver.state == driver_state::present ? read_driver_facts(driver.table) : driver_facts{};
}

TEST(device_facts, every_fact_of_every_device_is_read) {
  const fake_driver_settings fake{
      {"DEVICES", "2"},
      {"UUIDS",
       "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6;GPU-00000000-0000-0000-0000-0000000000ff"},
      {"NAMES", "NVIDIA H100 80GB HBM3;NVIDIA A40"},
      {"PCI", "0000:3b:00.0;10000:af:1f.7"},
      {"MEMORY", "85031714816;48305799168"},
      {"CC", "9.0;8.6"}};
  const driver_facts facts = read_fake();
  ASSERT_THAT(facts.devices, SizeIs(2));
  EXPECT_THAT(facts.warnings, IsEmpty());
  const device_facts& first = facts.devices[0];
  EXPECT_EQ(first.ordinal, 0);
  EXPECT_EQ(first.uuid, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6");
  EXPECT_EQ(first.name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(first.pci_bus_id, "00000000:3B:00.0");
  EXPECT_EQ(first.memory_total_bytes, 85031714816U);
  EXPECT_EQ(first.compute_capability, "9.0");
  EXPECT_EQ(first.multiprocessors, 100);
  const device_facts& second = facts.devices[1];
  EXPECT_EQ(second.uuid, "GPU-00000000-0000-0000-0000-0000000000ff");
  EXPECT_EQ(second.pci_bus_id, "00010000:AF:1F.7");
  EXPECT_EQ(second.compute_capability, "8.6");
  EXPECT_EQ(second.multiprocessors, 101);
}

TEST(device_facts, peers_are_read_for_each_ordered_pair) {
  const fake_driver_settings fake{{"DEVICES", "3"}, {"PEERS", "010;100;000"}};
  const driver_facts facts = read_fake();
  ASSERT_THAT(facts.peers, SizeIs(6));
  for (const peer_facts& peer : facts.peers) {
    const bool linked = peer.from != 2 && peer.to != 2;
    EXPECT_EQ(peer.can_access, linked) << peer.from << " to " << peer.to;
    EXPECT_EQ(peer.native_atomics, linked);
    EXPECT_EQ(peer.performance_rank, 0);
  }
}

TEST(device_facts, fact_that_a_driver_refuses_is_unknown_and_warned_of) {
  const fake_driver_settings fake{
      {"DEVICES", "1"},
      {"NAMES", "kept"},
      {"FAIL", "cuDeviceTotalMem:999;cuDeviceGetUuid:999;cuDeviceGetAttribute:802"}};
  const driver_facts facts = read_fake();
  ASSERT_THAT(facts.devices, SizeIs(1));
  EXPECT_EQ(facts.devices[0].name, "kept");
  EXPECT_EQ(facts.devices[0].uuid, "");
  EXPECT_EQ(facts.devices[0].memory_total_bytes, std::nullopt);
  EXPECT_EQ(facts.devices[0].compute_capability, std::nullopt);
  EXPECT_EQ(facts.devices[0].multiprocessors, std::nullopt);
  EXPECT_THAT(facts.warnings, SizeIs(5));
  EXPECT_THAT(facts.warnings, Each(HasSubstr("GPU 0: cuDevice")));
}

TEST(device_facts, device_that_cannot_be_opened_keeps_its_ordinal) {
  const fake_driver_settings fake{{"DEVICES", "1"}, {"FAIL", "cuDeviceGet:999"}};
  const driver_facts facts = read_fake();
  ASSERT_THAT(facts.devices, SizeIs(1));
  EXPECT_EQ(facts.devices[0].ordinal, 0);
  EXPECT_THAT(facts.warnings, SizeIs(1));
}

TEST(device_facts, count_that_fails_leaves_gpus_out_with_a_warning) {
  const fake_driver_settings fake{{"DEVICES", "1"}, {"FAIL", "cuDeviceGetCount:999"}};
  const driver_facts facts = read_fake();
  EXPECT_THAT(facts.devices, IsEmpty());
  EXPECT_THAT(facts.warnings, SizeIs(1));
}

TEST(device_facts, count_beyond_belief_leaves_gpus_out_with_a_warning) {
  const fake_driver_settings fake{{"DEVICES", "1000000"}};
  const driver_facts facts = read_fake();
  EXPECT_THAT(facts.devices, IsEmpty());
  ASSERT_THAT(facts.warnings, SizeIs(1));
  EXPECT_THAT(facts.warnings[0], HasSubstr("1000000"));
}

TEST(device_facts, slice_of_a_gpu_has_a_mig_uuid) {
  const fake_driver_settings fake{{"DEVICES", "1"},
                                  {"NAMES", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"},
                                  {"UUIDS", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"}};
  const driver_facts facts = read_fake();
  ASSERT_THAT(facts.devices, SizeIs(1));
  EXPECT_EQ(facts.devices[0].uuid, "MIG-8932f937-d72c-4106-c12f-20bd9faed9f6");
}

}  // namespace
