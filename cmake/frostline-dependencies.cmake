# What the targets link, found alike for the project and for find_package(frostline): what
# frostline::frostline links is required; of the components in frostline_components, images,
# probe and thrust, frostline_<component>_missing becomes what was not found, or nothing.
find_package(Boost 1.74 REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(PkgConfig REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
find_package(ZLIB REQUIRED)

if("images" IN_LIST frostline_components)
  set(frostline_images_missing)
  find_package(PNG QUIET)
  if(NOT TARGET PNG::PNG)
    list(APPEND frostline_images_missing "libpng")
  endif()
  pkg_check_modules(TURBOJPEG QUIET IMPORTED_TARGET libturbojpeg)
  if(NOT TARGET PkgConfig::TURBOJPEG)
    list(APPEND frostline_images_missing "libjpeg-turbo (pkg-config's libturbojpeg)")
  endif()
endif()

if("probe" IN_LIST frostline_components)
  set(frostline_probe_missing)
  find_package(Eigen3 3.4 QUIET NO_MODULE)
  pkg_check_modules(LBFGS QUIET IMPORTED_TARGET liblbfgs)
  if(NOT TARGET PkgConfig::LBFGS)
    list(APPEND frostline_probe_missing "libLBFGS (pkg-config's liblbfgs)")
  endif()
  if(NOT TARGET Eigen3::Eigen)
    list(APPEND frostline_probe_missing "Eigen 3.4")
  endif()
endif()

# Thrust for host threads, from the CUDA Toolkit or a package; matrix products then use Eigen. nvcc
# has its own Thrust.
if("thrust" IN_LIST frostline_components)
  set(frostline_thrust_missing)
  find_package(Eigen3 3.4 QUIET NO_MODULE)
  find_package(CUDAToolkit QUIET)
  find_path(FROSTLINE_THRUST_INCLUDE_DIR thrust/version.h
            HINTS ${CUDAToolkit_INCLUDE_DIRS} PATHS /usr/local/cuda/include PATH_SUFFIXES cccl)
  if(NOT FROSTLINE_THRUST_INCLUDE_DIR)
    list(APPEND frostline_thrust_missing "Thrust")
  endif()
  if(NOT TARGET Eigen3::Eigen)
    list(APPEND frostline_thrust_missing "Eigen 3.4")
  endif()
  if(NOT TARGET frostline::thrust_headers)
    add_library(frostline::thrust_headers INTERFACE IMPORTED)
    if(NOT frostline_thrust_missing)
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
  if(TARGET CUDA::cublas)
    set(frostline_thrust_missing)  # CUDA needs neither
  endif()
endif()
