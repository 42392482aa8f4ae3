# Installs a build of narke, and builds and runs a program with a GPU task against the package.
#   cmake -D BUILD_DIR=… -D WORK_DIR=… -D CONSUMER_DIR=… -D CXX=… [-D CUDA=AUTO|ON|OFF]
#     [-D ARCHITECTURES=…] -P kernel_consumer_test.cmake
foreach(name BUILD_DIR WORK_DIR CONSUMER_DIR CXX)
  if(NOT ${name})
    message(FATAL_ERROR "kernel_consumer_test.cmake needs -D ${name}=…")
  endif()
endforeach()
if(NOT DEFINED CUDA)
  set(CUDA AUTO)
endif()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result COMMAND_ECHO STDOUT)
  if(result)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed (${result}): ${command}")
  endif()
endfunction()

set(options "-DNARKE_CUDA=${CUDA}")
if(ARCHITECTURES)
  list(APPEND options "-DCMAKE_CUDA_ARCHITECTURES=${ARCHITECTURES}")
endif()
file(REMOVE_RECURSE "${WORK_DIR}")
run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}/installed")
run("${CMAKE_COMMAND}" -S "${CONSUMER_DIR}" -B "${WORK_DIR}/build" -G Ninja
    "-DCMAKE_BUILD_TYPE=Release" "-DCMAKE_PREFIX_PATH=${WORK_DIR}/installed"
    "-DCMAKE_CXX_COMPILER=${CXX}" ${options})
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/kernel_consumer")
