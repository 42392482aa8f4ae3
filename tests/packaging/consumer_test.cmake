# Installs a build of narke into a folder of its own, moves that folder, and builds and runs a
# program against it from outside of the tree.
#   cmake -D BUILD_DIR=… -D WORK_DIR=… -D CONSUMER_DIR=… -D CXX=… -D CXX_FLAGS=… -P consumer_test.cmake
foreach(name BUILD_DIR WORK_DIR CONSUMER_DIR CXX)
  if(NOT ${name})
    message(FATAL_ERROR "consumer_test.cmake needs -D ${name}=…")
  endif()
endforeach()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result COMMAND_ECHO STDOUT)
  if(result)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed (${result}): ${command}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}/installed")
# What was installed must not remember where.
file(RENAME "${WORK_DIR}/installed" "${WORK_DIR}/moved")

foreach(config Debug Release)
  run("${CMAKE_COMMAND}" -S "${CONSUMER_DIR}" -B "${WORK_DIR}/${config}" -G Ninja
      "-DCMAKE_BUILD_TYPE=${config}" "-DCMAKE_PREFIX_PATH=${WORK_DIR}/moved"
      "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}")
  run("${CMAKE_COMMAND}" --build "${WORK_DIR}/${config}")
  run("${WORK_DIR}/${config}/consumer")
endforeach()

if(EXISTS "${WORK_DIR}/moved/bin/narke")
  run("${WORK_DIR}/moved/bin/narke" --version)
endif()
