// An hwloc XML topology of our own, small enough to damage in every way: two packages, two NUMA
// nodes, six GPUs, an NVSwitch and an AMD device.
//
//   package 0: host bridge ─ root port ─ switch ┬ GPU 0 (04:00.0)
//                │                              ├ GPU 1 (05:00.0)
//                │                              └ switch ─ GPU 2 (08:00.0)
//                └ root port ─ GPU 3 (20:00.0)
//              host bridge ─ GPU 4 (40:00.0)
//   package 1: host bridge ┬ GPU 5 (81:00.0)
//                          ├ NVSwitch (82:00.0)
//                          └ AMD (83:00.0)
//   NVLink: 0-1 direct 50,000 MB/s; switch-3 25,000; switch-4 50,000
#pragma once

#include <string>

namespace narke_test {

/// Counts objects and writes their tags.
class topology_writer {
 public:
  std::string text() {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
           "<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
           "<topology version=\"2.0\">\n" +
           machine() + distances() + "</topology>\n";
  }

  static std::string uuid(int gpu) {
    return "GPU-0000000" + std::to_string(gpu) + "-1111-2222-3333-444444444444";
  }

 private:
  std::string index() { return " gp_index=\"" + std::to_string(++objects_) + "\""; }

  static std::string sets(const std::string& cpus, const std::string& nodes) {
    return " cpuset=\"" + cpus + "\" complete_cpuset=\"" + cpus + "\" nodeset=\"" + nodes +
           "\" complete_nodeset=\"" + nodes + "\"";
  }

  static std::string info(const std::string& name, const std::string& value) {
    return "<info name=\"" + name + "\" value=\"" + value + "\"/>\n";
  }

  std::string bridge(const std::string& kind, int depth, const std::string& buses,
                     const std::string& address, const std::string& inside) {
    std::string tag = "<object type=\"Bridge\"" + index() + " bridge_type=\"" + kind +
                      "\" depth=\"" + std::to_string(depth) + "\" bridge_pci=\"0000:[" + buses +
                      "]\"";
    if (!address.empty()) {
      tag += " pci_busid=\"0000:" + address +
             "\" pci_type=\"0604 [8086:2030] [8086:0000] 04\" pci_link_speed=\"15.75\"";
    }
    return tag + ">\n" + inside + "</object>\n";
  }

  std::string pci_device(const std::string& address, const std::string& type,
                         const std::string& extra, const std::string& inside) {
    return "<object type=\"PCIDev\"" + extra + " pci_busid=\"0000:" + address + "\" pci_type=\"" +
           type + "\" pci_link_speed=\"15.75\">\n" + inside + "</object>\n";
  }

  std::string os_device(const std::string& number, const std::string& name,
                        const std::string& subtype, const std::string& infos) {
    return "<object type=\"OSDev\" gp_index=\"" + number + "\" name=\"" + name + "\" subtype=\"" +
           subtype + "\" osdev_type=\"5\">\n" + infos + "</object>\n";
  }

  /// NVML devices have the numbers 900…, which the distances name.
  std::string gpu(int number, const std::string& address) {
    const std::string n = std::to_string(number);
    const std::string vendor = info("GPUVendor", "NVIDIA Corporation");
    const std::string cuda = info("Backend", "CUDA") + vendor + info("GPUModel", "Test V100") +
                             info("CUDAGlobalMemorySize", "16777216") +
                             info("CUDAMultiProcessors", "80");
    const std::string nvml = info("Backend", "NVML") + vendor + info("GPUModel", "Test V100") +
                             info("NVIDIAUUID", uuid(number));
    const std::string opencl = info("Backend", "OpenCL") + vendor;
    return pci_device(address, "0302 [10de:1db8] [10de:131d] a1", index(),
                      os_device("91" + n, "opencl0d" + n, "OpenCL", opencl) +
                          os_device("90" + n, "nvml" + n, "NVML", nvml) +
                          os_device("92" + n, "cuda" + n, "CUDA", cuda));
  }

  std::string core(const std::string& os_index, const std::string& cpus, const std::string& node) {
    const std::string place = " os_index=\"" + os_index + "\"" + sets(cpus, node);
    return "<object type=\"Core\"" + place + index() + ">\n<object type=\"PU\"" + place + index() +
           "/>\n</object>\n";
  }

  std::string numa_node(const std::string& os_index, const std::string& cpus,
                        const std::string& node) {
    return "<object type=\"NUMANode\" os_index=\"" + os_index + "\"" + sets(cpus, node) + index() +
           " local_memory=\"1073741824\"/>\n";
  }

  std::string package_0() {
    const std::string far_switch = bridge(
        "1-1", 4, "07-08", "06:00.0", bridge("1-1", 5, "08-08", "07:00.0", gpu(2, "08:00.0")));
    const std::string near_switch =
        bridge("1-1", 2, "03-08", "02:00.0",
               bridge("1-1", 3, "04-04", "03:00.0", gpu(0, "04:00.0")) +
                   bridge("1-1", 3, "05-05", "03:01.0", gpu(1, "05:00.0")) +
                   bridge("1-1", 3, "06-08", "03:02.0", far_switch));
    const std::string host = bridge("0-1", 0, "01-20", "",
                                    bridge("1-1", 1, "02-08", "01:00.0", near_switch) +
                                        bridge("1-1", 1, "20-20", "01:02.0", gpu(3, "20:00.0")));
    const std::string second_host =
        bridge("0-1", 0, "3f-40", "", bridge("1-1", 1, "40-40", "3f:00.0", gpu(4, "40:00.0")));
    return "<object type=\"Package\" os_index=\"0\"" + sets("0x00000003", "0x00000001") + index() +
           ">\n" + info("CPUModel", "Test CPU") + numa_node("0", "0x00000003", "0x00000001") +
           core("0", "0x00000001", "0x00000001") + core("1", "0x00000002", "0x00000001") + host +
           second_host + "</object>\n";
  }

  std::string package_1() {
    const std::string nvswitch = pci_device("82:00.0", "0680 [10de:1ac2] [0000:0000] a1",
                                            " gp_index=\"950\" subtype=\"NVSwitch\"", "");
    const std::string amd = pci_device(
        "83:00.0", "0300 [1002:6798] [1002:6798] 00", index(),
        os_device("960", "opencl1d0", "OpenCL",
                  info("Backend", "OpenCL") + info("GPUVendor", "Advanced Micro Devices, Inc.")));
    const std::string host = bridge("0-1", 0, "80-83", "",
                                    bridge("1-1", 1, "81-81", "80:00.0", gpu(5, "81:00.0")) +
                                        bridge("1-1", 1, "82-82", "80:01.0", nvswitch) +
                                        bridge("1-1", 1, "83-83", "80:02.0", amd));
    return "<object type=\"Package\" os_index=\"1\"" + sets("0x0000000c", "0x00000002") + index() +
           ">\n" + info("CPUModel", "Test CPU") + numa_node("1", "0x0000000c", "0x00000002") +
           core("2", "0x00000004", "0x00000002") + core("3", "0x00000008", "0x00000002") + host +
           "</object>\n";
  }

  std::string machine() {
    const std::string all = "0x0000000f";
    return "<object type=\"Machine\" os_index=\"0\"" + sets(all, "0x00000003") +
           " allowed_cpuset=\"" + all + "\" allowed_nodeset=\"0x00000003\"" + index() + ">\n" +
           info("HostName", "small") + info("Architecture", "x86_64") + package_0() +
           package_1() + "</object>\n";
  }

  static std::string list(const std::string& tag, const std::string& items) {
    return "<" + tag + " length=\"" + std::to_string(items.size()) + "\">" + items + "</" + tag +
           ">\n";
  }

  static std::string distances() {
    // Rows and columns: GPUs 0, 1, 3, 4 and the switch.
    return "<distances2hetero nbobjs=\"5\" kind=\"25\" name=\"NVLinkBandwidth\">\n" +
           list("indexes", "OSDev:900 OSDev:901 OSDev:903 OSDev:904 PCIDev:950 ") +
           list("u64values", "0 50000 0 0 0 50000 0 0 0 0 ") +
           list("u64values", "0 0 0 0 25000 0 0 0 0 50000 0 0 25000 50000 0 ") +
           "</distances2hetero>\n";
  }

  int objects_ = 0;
};

inline std::string small_topology() { return topology_writer().text(); }

}  // namespace narke_test
