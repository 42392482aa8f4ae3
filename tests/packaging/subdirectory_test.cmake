# Builds and runs a program that has narke as a part of its own build.
#   cmake -D SOURCE_DIR=… -D WORK_DIR=… -D CONSUMER_DIR=… -D CXX=… -D CONFIG=…
#     -D FLAGS=… -D ASSERTIONS=… -D HARDENING=… -D WERROR=… -P subdirectory_test.cmake
foreach(name SOURCE_DIR WORK_DIR CONSUMER_DIR CXX CONFIG)
  if(NOT ${name})
    message(FATAL_ERROR "subdirectory_test.cmake needs -D ${name}=…")
  endif()
endforeach()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result COMMAND_ECHO STDOUT)
  if(result)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed (${result}): ${command}")
  endif()
endfunction()

string(TOUPPER "${CONFIG}" config)
run("${CMAKE_COMMAND}" -S "${CONSUMER_DIR}" -B "${WORK_DIR}" -G Ninja
    "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_BUILD_TYPE=${CONFIG}"
    "-DCMAKE_CXX_FLAGS_${config}=${FLAGS}" "-DNARKE_ASSERTIONS=${ASSERTIONS}"
    "-DNARKE_HARDENING=${HARDENING}" "-DNARKE_WERROR=${WERROR}"
    "-DNARKE_SOURCE_DIR=${SOURCE_DIR}")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}" --target consumer)
run("${WORK_DIR}/consumer")

# A part of another project brings no tests, no examples and no install rules of its own.
file(GLOB unwanted "${WORK_DIR}/narke/tests" "${WORK_DIR}/narke/examples")
if(unwanted)
  message(FATAL_ERROR "narke as a part of another project made ${unwanted}")
endif()
