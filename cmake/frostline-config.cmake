include(${CMAKE_CURRENT_LIST_DIR}/frostline-dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/frostline-targets.cmake)
