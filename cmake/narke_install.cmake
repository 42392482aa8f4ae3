# What `cmake --install` lays down: the library, its headers, the package `narke`, the program.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(narke_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/narke")

install(TARGETS narke EXPORT narke_targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/narke"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(EXPORT narke_targets NAMESPACE narke:: FILE narke-targets.cmake
  DESTINATION "${narke_package_dir}")

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/narke-config.cmake.in" "${PROJECT_BINARY_DIR}/narke-config.cmake"
  INSTALL_DESTINATION "${narke_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/narke-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/narke-config.cmake"
              "${PROJECT_BINARY_DIR}/narke-config-version.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/narke_kernels.cmake"
  DESTINATION "${narke_package_dir}")

# The program finds the library beside itself, wherever the prefix is moved to.
if(TARGET narke_cli)
  file(RELATIVE_PATH narke_bin_to_lib
    "/prefix/${CMAKE_INSTALL_BINDIR}" "/prefix/${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(narke_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${narke_bin_to_lib}")
  install(TARGETS narke_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/docs/report.schema.json"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/narke" OPTIONAL)
