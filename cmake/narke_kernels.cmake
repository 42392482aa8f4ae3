# narke_add_kernels(TARGET FILE.cu...): adds files to a target that are compiled once each: by nvcc
# where there is a CUDA toolkit, else as C++. Macros all the way: enable_language(CUDA) fails inside
# a function. It is for this project and, through find_package(narke), for users' projects.
#
#   NARKE_CUDA=AUTO|ON|OFF     use nvcc when there is one that works, always, or never
#   CUDACXX, PATH, /usr/local/cuda/bin          where nvcc is looked for
#   CMAKE_CUDA_ARCHITECTURES   unless set: machine code for sm_80, sm_90 and sm_100, and PTX for what
#                              comes after
#   NARKE_THRUST_INCLUDE_DIR   the Thrust of what is compiled as C++; found when not given: the
#                              toolkit's where nvcc is used, so that a program has one Thrust, else
#                              the system's (Debian: libthrust-dev), else a toolkit's
set(NARKE_CUDA AUTO CACHE STRING "Compile kernels with nvcc: AUTO, ON or OFF")
set_property(CACHE NARKE_CUDA PROPERTY STRINGS AUTO ON OFF)

# Sets NARKE_NVCC_WORKS, NARKE_NVCC_VERSION and, when it does not work, NARKE_NVCC_PROBLEM.
function(narke_probe_nvcc)
  if(DEFINED CACHE{NARKE_NVCC_WORKS})
    return()
  endif()
  find_program(NARKE_NVCC nvcc HINTS "$ENV{CUDACXX}" PATHS /usr/local/cuda/bin)
  mark_as_advanced(NARKE_NVCC)
  set(works FALSE)
  set(problem "no nvcc in PATH or /usr/local/cuda/bin; CUDACXX=FILE names one")
  if(CMAKE_CUDA_COMPILER)
    set(NARKE_NVCC "${CMAKE_CUDA_COMPILER}")
  elseif(NOT "$ENV{CUDACXX}" STREQUAL "")
    set(NARKE_NVCC "$ENV{CUDACXX}")
  endif()
  if(NARKE_NVCC)
    set(folder "${CMAKE_BINARY_DIR}/CMakeFiles/narke_nvcc")
    file(WRITE "${folder}/probe.cu" "__global__ void probe() {}\n#include <concepts>\n")
    execute_process(
      COMMAND "${NARKE_NVCC}" -std=c++20 -ccbin "${CMAKE_CXX_COMPILER}" -c probe.cu -o probe.o
      WORKING_DIRECTORY "${folder}" RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(failed)
      set(problem "${NARKE_NVCC} with ${CMAKE_CXX_COMPILER} does not compile C++20: ${said}")
    else()
      set(works TRUE)
      set(problem "")
    endif()
    execute_process(COMMAND "${NARKE_NVCC}" --version OUTPUT_VARIABLE said ERROR_QUIET)
    string(REGEX REPLACE ".*release ([0-9.]+).*" "\\1" version "${said}")
  endif()
  set(NARKE_NVCC "${NARKE_NVCC}" CACHE FILEPATH "The CUDA compiler" FORCE)
  set(NARKE_NVCC_WORKS ${works} CACHE INTERNAL "")
  set(NARKE_NVCC_PROBLEM "${problem}" CACHE INTERNAL "")
  set(NARKE_NVCC_VERSION "${version}" CACHE INTERNAL "")
endfunction()

# Enables CUDA where it is to be used; NARKE_USES_CUDA says whether.
macro(narke_enable_cuda)
  set(NARKE_USES_CUDA FALSE)
  if(NARKE_CUDA STREQUAL "AUTO" OR NARKE_CUDA)
    narke_probe_nvcc()
    if(NARKE_NVCC_WORKS)
      set(NARKE_USES_CUDA TRUE)
    elseif(NOT NARKE_CUDA STREQUAL "AUTO")
      message(FATAL_ERROR "NARKE_CUDA=${NARKE_CUDA}, but ${NARKE_NVCC_PROBLEM}")
    elseif(NARKE_NVCC)
      message(STATUS "Kernels are compiled as C++: ${NARKE_NVCC_PROBLEM}")
    endif()
  endif()
  if(NARKE_USES_CUDA)
    if(NOT CMAKE_CUDA_ARCHITECTURES AND "$ENV{CUDAARCHS}" STREQUAL "")
      if(NARKE_NVCC_VERSION VERSION_LESS 12.8)
        set(CMAKE_CUDA_ARCHITECTURES "80-real;90")
      else()
        set(CMAKE_CUDA_ARCHITECTURES "80-real;90-real;100")
      endif()
    endif()
    if(NOT CMAKE_CUDA_COMPILER)
      set(CMAKE_CUDA_COMPILER "${NARKE_NVCC}")
    endif()
    if(NOT CMAKE_CUDA_HOST_COMPILER)
      set(CMAKE_CUDA_HOST_COMPILER "${CMAKE_CXX_COMPILER}")
    endif()
    if(NOT CMAKE_CUDA_COMPILER_LAUNCHER AND CMAKE_CXX_COMPILER_LAUNCHER)
      set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
    endif()
    enable_language(CUDA)
    # CMake 3.25 does not know that nvcc has C++20.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
  endif()
endmacro()

# Sets NARKE_THRUST_INCLUDE_DIR, empty where there is no Thrust. Requires narke_enable_cuda().
macro(narke_find_thrust)
  if(NOT NARKE_THRUST_INCLUDE_DIR)
    get_filename_component(narke_toolkit "${NARKE_NVCC}" REALPATH)
    get_filename_component(narke_toolkit "${narke_toolkit}/../.." ABSOLUTE)
    set(narke_toolkit "${narke_toolkit}/include/cccl" "${narke_toolkit}/include")
    if(NARKE_USES_CUDA)
      find_path(NARKE_THRUST_INCLUDE_DIR thrust/version.h PATHS ${narke_toolkit} NO_DEFAULT_PATH)
    endif()
    find_path(NARKE_THRUST_INCLUDE_DIR thrust/version.h)
    find_path(NARKE_THRUST_INCLUDE_DIR thrust/version.h
      PATHS ${narke_toolkit} /usr/local/cuda/include/cccl /usr/local/cuda/include NO_DEFAULT_PATH)
    mark_as_advanced(NARKE_THRUST_INCLUDE_DIR)
  endif()
endmacro()

# Lets the C++ files of a target include Thrust, which then runs on the CPU.
function(narke_use_thrust target)
  set(definition "THRUST_DEVICE_SYSTEM=THRUST_DEVICE_SYSTEM_CPP")
  target_compile_definitions(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${definition}>")
  # A folder that the compiler knows by itself may not be told to it again.
  if(NARKE_THRUST_INCLUDE_DIR
      AND NOT NARKE_THRUST_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    target_include_directories(${target} SYSTEM PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:${NARKE_THRUST_INCLUDE_DIR}>")
  endif()
endfunction()

macro(narke_add_kernels target)
  narke_enable_cuda()
  narke_find_thrust()
  narke_use_thrust(${target})
  target_sources(${target} PRIVATE ${ARGN})
  if(NARKE_USES_CUDA)
    set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES LANGUAGE CUDA)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:--extended-lambda>")
    set_target_properties(${target} PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}"
      CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON CUDA_RUNTIME_LIBRARY Static)
  else()
    # Thrust on the CPU binds references to null that it never reads, in all its versions: a build
    # with the sanitizer for undefined behaviour would stop there.
    set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES
      LANGUAGE CXX COMPILE_OPTIONS "-x;c++;-fno-sanitize=null")
  endif()
endmacro()
