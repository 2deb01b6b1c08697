// SPDX-License-Identifier: MIT
// A file mapped into memory for reading.
#pragma once

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "frostline/io/unreadable.hpp"

namespace frostline {

/// A whole file, readable for as long as this lives. Others must not shorten it meanwhile.
class MappedFile {
 public:
  /// Throws: Error when there is no such file, or it is empty, a directory or not readable.
  explicit MappedFile(const std::filesystem::path& path) : name_(path.string()) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) fail("no such file");
    if (error) fail(error.message());
    if (std::filesystem::is_directory(status)) fail("it is a directory");
    if (!std::filesystem::is_regular_file(status)) fail("it is not a regular file");
    const auto size = std::filesystem::file_size(path, error);
    if (error) fail(error.message());
    if (size == 0) fail("it is empty");
    try {
      using namespace boost::interprocess;
      region_ = mapped_region(file_mapping(name_.c_str(), read_only), read_only);
    } catch (const boost::interprocess::interprocess_exception& exception) {
      fail(exception.what());
    }
  }

  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(region_.get_address()), region_.get_size()};
  }

  /// The path that it was opened by, for messages.
  const std::string& name() const { return name_; }

 private:
  [[noreturn]] void fail(std::string_view reason) const { throw detail::unreadable(name_, reason); }

  std::string name_;
  boost::interprocess::mapped_region region_;
};

}  // namespace frostline
