# narke_layer(NAME DEPENDS target...): the folder src/NAME as the static library narke_NAME.
# Tests of a folder link its library alone where they can (see tests/CMakeLists.txt), so a layer
# cannot lean on one above it.
function(narke_layer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  set(libraries ${ARG_DEPENDS})
  list(FILTER libraries EXCLUDE REGEX "^narke_")
  set_property(GLOBAL APPEND PROPERTY narke_layer_libraries ${libraries})

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
  if(NOT sources)
    add_library(narke_${name} INTERFACE)
    target_include_directories(narke_${name} INTERFACE
      "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(narke_${name} INTERFACE ${ARG_DEPENDS})
    return()
  endif()
  add_library(narke_${name} STATIC ${sources})
  target_include_directories(narke_${name} PUBLIC
    "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  target_compile_definitions(narke_${name} PRIVATE NARKE_BUILDING)
  target_link_libraries(narke_${name} PUBLIC ${ARG_DEPENDS} PRIVATE narke_settings)
endfunction()

# narke_shared_library(NAME LAYERS layer...): what users link, as narke::NAME. It holds its layers
# whole; they and the libraries they use stay out of its link interface.
function(narke_shared_library name)
  cmake_parse_arguments(ARG "" "" "LAYERS" ${ARGN})
  add_library(${name} SHARED)
  add_library(${name}::${name} ALIAS ${name})
  foreach(layer IN LISTS ARG_LAYERS)
    get_target_property(kind narke_${layer} TYPE)
    if(kind STREQUAL "STATIC_LIBRARY")
      target_sources(${name} PRIVATE "$<TARGET_OBJECTS:narke_${layer}>")
    endif()
  endforeach()
  target_link_libraries(${name} PRIVATE "$<BUILD_INTERFACE:narke_settings>")
  narke_link_by_file(${name})
  if(NOT NARKE_SANITIZE)
    # A sanitizer's runtime is in the program, so its library has to be left open.
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  target_include_directories(${name} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>")
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(${name} PROPERTIES
    LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()

# Links what the layers use by file: an imported target, even a private one, would be named in the
# exported package, and be looked for on the user's machine.
function(narke_link_by_file name)
  get_property(libraries GLOBAL PROPERTY narke_layer_libraries)
  list(REMOVE_DUPLICATES libraries)
  foreach(library IN LISTS libraries)
    set(kind PLAIN)
    if(TARGET ${library})
      get_target_property(kind ${library} TYPE)
    endif()
    if(kind MATCHES "^(SHARED|STATIC|UNKNOWN)_LIBRARY$")
      target_link_libraries(${name} PRIVATE "$<TARGET_LINKER_FILE:${library}>")
    else()
      target_link_libraries(${name} PRIVATE "$<BUILD_INTERFACE:${library}>")
    endif()
  endforeach()
endfunction()
