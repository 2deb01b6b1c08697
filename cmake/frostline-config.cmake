# find_package(frostline [COMPONENTS images probe thrust compiled]): frostline::frostline, and a target
# frostline::<component> for each that is named. Where none is named, for each whose libraries are
# found.
set(frostline_components ${frostline_FIND_COMPONENTS})
if(NOT frostline_components)
  set(frostline_components images probe thrust compiled)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/frostline-dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/frostline-targets.cmake)

foreach(component IN LISTS frostline_components)
  set(frostline_reason)
  if(frostline_${component}_missing)
    list(JOIN frostline_${component}_missing " and " frostline_reason)
    set(frostline_reason "frostline::${component} needs ${frostline_reason}, which is not found.")
  elseif(NOT component MATCHES "^(images|probe|thrust|compiled)$")
    set(frostline_reason
        "frostline has no component ${component}; it has images, probe, thrust and compiled.")
  elseif(NOT EXISTS ${CMAKE_CURRENT_LIST_DIR}/frostline-${component}-targets.cmake)
    set(frostline_reason
        "This frostline was installed without frostline::compiled (FROSTLINE_BUILD_COMPILED).")
  else()
    include(${CMAKE_CURRENT_LIST_DIR}/frostline-${component}-targets.cmake)
  endif()
  if(NOT frostline_reason)
    set(frostline_${component}_FOUND TRUE)
  else()
    set(frostline_${component}_FOUND FALSE)
    if(frostline_FIND_REQUIRED_${component})
      set(frostline_FOUND FALSE)
      string(APPEND frostline_NOT_FOUND_MESSAGE "${frostline_reason}\n")
    endif()
  endif()
endforeach()
