# The compiler's settings of every target of this project, and of no other's.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()
endif()

# Objects are shared between clones and build folders: paths are told to ccache relative to the
# source, and the folder that the compiler runs in is no part of the key.
find_program(NARKE_CCACHE ccache)
if(NARKE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
      CCACHE_NOHASHDIR=1 "${NARKE_CCACHE}")
endif()

add_library(narke_settings INTERFACE)
target_compile_options(narke_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wno-missing-field-initializers)
if(NARKE_WERROR)
  target_compile_options(narke_settings INTERFACE -Werror)
endif()
if(NARKE_SANITIZE)
  target_compile_options(narke_settings INTERFACE
    "-fsanitize=${NARKE_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(narke_settings INTERFACE "-fsanitize=${NARKE_SANITIZE}")
endif()
if(NARKE_ASSERTIONS)
  target_compile_definitions(narke_settings INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(NARKE_HARDENING)
  # Fortified library calls need an optimised build; the other flags do not care.
  target_compile_options(narke_settings INTERFACE
    -fstack-protector-strong -fstack-clash-protection
    "$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(narke_settings INTERFACE -fcf-protection=full)
  endif()
  target_link_options(narke_settings INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES CXX)
endif()

# nvcc has options of its own.
get_target_property(narke_options narke_settings INTERFACE_COMPILE_OPTIONS)
set_target_properties(narke_settings PROPERTIES
  INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:${narke_options}>")
