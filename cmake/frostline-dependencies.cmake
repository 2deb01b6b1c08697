# What frostline::frostline and frostline::images link; the installed package finds the same.
find_package(Boost 1.74 REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
find_package(ZLIB REQUIRED)

# Thrust for hosts' threads, which nvcc brings its own for: the CUDA Toolkit's, or a package's; its
# products are Eigen's there.
find_package(Eigen3 3.4 QUIET NO_MODULE)
find_package(CUDAToolkit QUIET)
find_path(FROSTLINE_THRUST_INCLUDE_DIR thrust/version.h
          HINTS ${CUDAToolkit_INCLUDE_DIRS} PATHS /usr/local/cuda/include PATH_SUFFIXES cccl)
if(NOT TARGET frostline::thrust_headers)
  add_library(frostline::thrust_headers INTERFACE IMPORTED)
  if(FROSTLINE_THRUST_INCLUDE_DIR AND TARGET Eigen3::Eigen)
    target_include_directories(
      frostline::thrust_headers SYSTEM
      INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${FROSTLINE_THRUST_INCLUDE_DIR}>)
    target_link_libraries(frostline::thrust_headers INTERFACE Eigen3::Eigen)
    set(FROSTLINE_THRUST_ON_HOST ON)
  endif()
  if(TARGET CUDA::cublas)
    target_link_libraries(frostline::thrust_headers
                          INTERFACE $<$<LINK_LANGUAGE:CUDA>:CUDA::cublas>)
  endif()
endif()

pkg_check_modules(TURBOJPEG REQUIRED IMPORTED_TARGET libturbojpeg)
