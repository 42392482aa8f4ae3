# What `--version` and the report say of the build, as a source of narke_base.
set(narke_git_commit "")
find_package(Git QUIET)
if(Git_FOUND AND EXISTS "${PROJECT_SOURCE_DIR}/.git")
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --short=12 HEAD
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    OUTPUT_VARIABLE narke_git_commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
configure_file("${PROJECT_SOURCE_DIR}/src/base/build_info.cpp.in"
  "${PROJECT_BINARY_DIR}/generated/build_info.cpp" @ONLY)
target_sources(narke_base PRIVATE "${PROJECT_BINARY_DIR}/generated/build_info.cpp")
