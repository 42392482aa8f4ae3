// What a test cannot do in a build with sanitizers.
#pragma once

namespace narke_test {

/// The undefined-behaviour sanitizer stands beside it in all builds.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool has_address_sanitizer = true;
#else
inline constexpr bool has_address_sanitizer = false;
#endif

/// In a test that leaves no descriptor free: the undefined-behaviour sanitizer opens a pipe to
/// check the type of an object, and takes one that it cannot open for a wrong type.
inline constexpr bool needs_descriptors = has_address_sanitizer;

}  // namespace narke_test
