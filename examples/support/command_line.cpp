// SPDX-License-Identifier: MIT
// The bodies of command_line.hpp; only this file includes CLI11, which is slow to compile.
#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace examples {

CommandLine::CommandLine(const std::string& description)
    : app_(std::make_unique<CLI::App>(description)) {}
CommandLine::~CommandLine() = default;

void CommandLine::text(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->capture_default_str();
}
void CommandLine::required_text(const std::string& name, std::string& value,
                                const std::string& help) {
  app_->add_option(name, value, help)->required();
}
void CommandLine::file(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->check(CLI::ExistingFile);
}
void CommandLine::choice(const std::string& name, std::string& value, const std::string& help,
                         const std::vector<std::string>& choices) {
  app_->add_option(name, value, help)->capture_default_str()->check(CLI::IsMember(choices));
}
void CommandLine::number(const std::string& name, int& value, const std::string& help, int least,
                         int most) {
  app_->add_option(name, value, help)->capture_default_str()->check(CLI::Range(least, most));
}
void CommandLine::number(const std::string& name, std::uint64_t& value, const std::string& help) {
  app_->add_option(name, value, help)->capture_default_str();
}
void CommandLine::number(const std::string& name, float& value, const std::string& help) {
  app_->add_option(name, value, help)->capture_default_str();
}
void CommandLine::share(const std::string& name, double& value, const std::string& help) {
  app_->add_option(name, value, help)->capture_default_str()->check(CLI::Range(0.01, 1.0));
}
void CommandLine::flag(const std::string& name, bool& value, const std::string& help) {
  app_->add_flag(name, value, help);
}
void CommandLine::rest(const std::string& name, std::vector<std::string>& values,
                       const std::string& help) {
  app_->add_option(name, values, help)->required();
}

void CommandLine::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app_->exit(error));
  }
}

}  // namespace examples
