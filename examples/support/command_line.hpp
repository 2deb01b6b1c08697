// SPDX-License-Identifier: MIT
// The examples' command lines. CLI11, which is slow to compile, is only in command_line.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace examples {

/// Options whose values are the caller's variables; the variables' old values are the defaults.
class CommandLine {
 public:
  explicit CommandLine(const std::string& description);
  ~CommandLine();

  void text(const std::string& name, std::string& value, const std::string& help);
  void required_text(const std::string& name, std::string& value, const std::string& help);
  void file(const std::string& name, std::string& value, const std::string& help);  // must exist
  void choice(const std::string& name, std::string& value, const std::string& help,
              const std::vector<std::string>& choices);
  void number(const std::string& name, int& value, const std::string& help, int least, int most);
  void number(const std::string& name, std::uint64_t& value, const std::string& help);
  void number(const std::string& name, float& value, const std::string& help);
  void share(const std::string& name, double& value, const std::string& help);  // 0.01 to 1
  void flag(const std::string& name, bool& value, const std::string& help);
  /// Arguments without a name; at least one.
  void rest(const std::string& name, std::vector<std::string>& values, const std::string& help);

  /// Sets the variables. Prints the help if it is requested, or an error, and exits.
  void parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace examples
