# Compiles CASE (syntax only) and compares what happens with its "// expect: " lines, all of which
# must be found in the compiler's output. "// expect: nothing" means that it must compile.
file(STRINGS "${CASE}" expectations REGEX "^// expect: ")
if(NOT expectations)
  message(FATAL_ERROR "${CASE}: no line \"// expect: \"")
endif()

execute_process(COMMAND "${COMPILER}" -std=c++20 -fsyntax-only "-I${INCLUDE}" -x c++ "${CASE}"
                RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(expectations STREQUAL "// expect: nothing")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${CASE} must compile, but:\n${output}")
  endif()
  return()
endif()

if(result EQUAL 0)
  message(FATAL_ERROR "${CASE} compiles, and must not")
endif()
foreach(expectation IN LISTS expectations)
  string(REPLACE "// expect: " "" words "${expectation}")
  string(FIND "${output}" "${words}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "${CASE}: the compiler does not say \"${words}\":\n${output}")
  endif()
endforeach()
