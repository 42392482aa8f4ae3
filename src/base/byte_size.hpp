// Sizes as people write them: "1GiB", "512MiB", "1g", "1.5 GB", "1048576". Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narke::internal {

/// Bytes of a size. KiB, MiB, GiB, TiB and the bare letters k, m, g, t are powers of 1024, as for
/// most tools that take a size; kB, MB, GB, TB powers of 1000. No unit: bytes. Case is ignored.
/// Throws std::invalid_argument that names `field` and the text unless it is 1 byte to 8 EiB.
std::uint64_t parse_byte_size(std::string_view text, std::string_view field);

/// How many devices of which size: "2" or "2:1GiB".
struct device_count_and_memory {
  int count = 0;
  std::uint64_t memory_bytes = 0;  ///< 0 = not given
};

/// Throws std::invalid_argument that names `field` and the text. At most 1,024 devices.
device_count_and_memory parse_emulated_gpus(std::string_view text, std::string_view field);

/// "1.5 GiB", "512 MiB", "17 bytes": rounded for people, in powers of 1024.
std::string format_byte_size(std::uint64_t bytes);

}  // namespace narke::internal
