// SPDX-License-Identifier: MIT
// Written files: links, permissions, paths that are not regular files, and failures.
#include "frostline/io/files/file_in_progress.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <functional>

#include "files.hpp"
#include "frostline/io/files/scratch_file.hpp"
#include "support/internals.hpp"
#include "support/messages.hpp"

namespace frostline::test::file_in_progress_test {
namespace {

namespace fs = std::filesystem;

/// The two ways in which the library writes a file.
void write_in_progress(const fs::path& path) {
  FileInProgress file(path);
  file.write("new", 3);
  file.finish();
}
void write_scratch(const fs::path& path) {
  ScratchFile file(path, 3, true);
  std::memcpy(file.bytes().data(), "new", 3);
  file.keep();
}
const std::function<void(const fs::path&)> writers[] = {write_in_progress, write_scratch};

std::ptrdiff_t entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), {});
}
unsigned mode_of(const fs::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

/// Whether `action` is true in a process without root's permissions.
template <class Action>
bool without_privileges(Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped = ::geteuid() != 0 || (::setgid(65534) == 0 && ::setuid(65534) == 0);
    ::_exit(dropped && action() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("a link stays, and its target is replaced") {
  const auto& write = writers[GENERATE(0, 1)];
  const files::TemporaryFolder folder;
  fs::create_directories(folder.path / "elsewhere");
  const auto target = folder.path / "elsewhere" / "weights", link = folder.path / "link";
  const auto second = folder.path / "second";
  fs::create_symlink("elsewhere/weights", link);
  fs::create_symlink(link, second);
  SECTION("a file") { folder.write("elsewhere/weights", "old"); }
  SECTION("no target yet: it is created") {}
  write(second);
  CHECK(fs::is_symlink(link));
  CHECK(fs::is_symlink(second));
  CHECK_FALSE(fs::is_symlink(target));
  CHECK(files::content_of(target) == "new");
  CHECK(entries(folder.path) == 3);
  CHECK(entries(folder.path / "elsewhere") == 1);
}

TEST_CASE("a folder of links that lead to each other is an error") {
  const auto& write = writers[GENERATE(0, 1)];
  const files::TemporaryFolder folder;
  fs::create_symlink("b", folder.path / "a");
  fs::create_symlink("a", folder.path / "b");
  REQUIRE_ERROR(write(folder.path / "a"), "symbolic links");
  CHECK(entries(folder.path) == 2);
}

TEST_CASE("a file that is replaced keeps its permissions and owner, a new one has the umask's") {
  const auto& write = writers[GENERATE(0, 1)];
  const files::TemporaryFolder folder;
  const auto path = folder.write("weights", "old");
  const unsigned mode = GENERATE(0600u, 0640u, 0666u, 0755u);
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  const bool root = ::geteuid() == 0;
  if (root) REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  write(path);
  CHECK(files::content_of(path) == "new");
  CHECK(mode_of(path) == mode);
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  if (root) CHECK((found.st_uid == 65534 && found.st_gid == 65534));

  const mode_t before = ::umask(027);
  write(folder.path / "fresh");
  ::umask(before);
  CHECK(mode_of(folder.path / "fresh") == 0640);
}

TEST_CASE("a path that is not a regular file is refused and stays") {
  const auto& write = writers[GENERATE(0, 1)];
  const files::TemporaryFolder folder;
  const auto pipe = folder.path / "pipe", link = folder.path / "link";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  fs::create_symlink(pipe, link);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto socket_path = folder.path / "socket";
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path.c_str());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(socket);
  for (const fs::path& path : {pipe, link, socket_path})
    REQUIRE_ERROR(write(path), "not a regular file");
  const auto device = folder.path / "device";
  if (::mknod(device.c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0) {  // a null device
    REQUIRE_ERROR(write(device), "not a regular file");
    CHECK(fs::is_character_file(device));
    fs::remove(device);
  } else {
    WARN("not tested: only root can make a device");
  }
  CHECK(fs::is_fifo(pipe));
  CHECK(fs::is_symlink(link));
  CHECK(fs::is_socket(socket_path));
  REQUIRE_ERROR(write(folder.path), "it is a directory");
  REQUIRE_ERROR(write(folder.path / ""), "names no file");
  REQUIRE_ERROR(write(""), "names no file");
  CHECK(entries(folder.path) == 3);
}

TEST_CASE("a write-protected file stays, also for root") {
  const auto& write = writers[GENERATE(0, 1)];
  const files::TemporaryFolder folder;
  const auto path = folder.write("weights", "old");
  REQUIRE(::chmod(path.c_str(), 0444) == 0);
  REQUIRE_ERROR(write(path), "weights': it is write-protected");
  CHECK(files::content_of(path) == "old");
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("a folder that is missing or accepts no file is named, and old files stay") {
  const auto& write = writers[GENERATE(0, 1)];
  const files::TemporaryFolder folder;
  const auto missing = folder.path / "no" / "weights";
  REQUIRE_ERROR(write(missing), "cannot write '" + missing.string() + "': there is no folder");
  REQUIRE_ERROR(write(folder.write("file", "x") / "weights"), "Not a directory");
  const auto path = folder.write("weights", "old");
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
  REQUIRE(::chmod(folder.path.c_str(), 0555) == 0);
  CHECK(without_privileges([&] {
    return files::contains(error_of([&] { write(path); }),
                           "weights': its folder accepts no new file: Permission denied");
  }));
  REQUIRE(::chmod(folder.path.c_str(), 0755) == 0);
  CHECK(files::content_of(path) == "old");
}

TEST_CASE("another user's file that may not be written stays") {
  const auto& write = writers[GENERATE(0, 1)];
  const files::TemporaryFolder folder;
  if (::geteuid() != 0) {
    WARN("not tested: only root can give files away");
    return;
  }
  const auto path = folder.write("weights", "old");
  REQUIRE(::chmod(folder.path.c_str(), 0777) == 0);
  CHECK(without_privileges([&] {
    return files::contains(error_of([&] { write(path); }), "weights': Permission denied");
  }));
  CHECK(files::content_of(path) == "old");
}

TEST_CASE("a full disk leaves only the old file, complete") {
  const files::TemporaryFolder folder;
  const auto path = folder.write("weights", "old");
  rlimit limit;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit small{50000, limit.rlim_max};  // a limit of the process replaces a full disk
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string large(GENERATE(50001u, 1000000u), 'x');
  const std::string error = error_of([&] {
    FileInProgress file(path);
    file.write(large.data(), large.size());
    file.finish();
  });
  const std::string scratch = error_of([&] { ScratchFile(path, large.size(), true); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(files::contains(error, "weights': File too large"));
  CHECK(files::contains(scratch, "weights': File too large"));
  CHECK(files::content_of(path) == "old");
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("a killed program's partial file is removed by the next that writes the same file") {
  const files::TemporaryFolder folder;
  const auto path = folder.write("weights", "old");
  for (int round = 0; round < 3; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      FileInProgress file(path);
      file.write("half", 4);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    CHECK(files::content_of(path) == "old");
    CHECK(entries(folder.path) == 2);
  }
  write_in_progress(path);
  CHECK(files::content_of(path) == "new");
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("two programs can write the same file at once, the last to finish wins") {
  const files::TemporaryFolder folder;
  const auto path = folder.path / "weights";
  {
    FileInProgress first(path), second(path), third(path);
    CHECK(entries(folder.path) == 3);
    first.write("first", 5);
    second.write("second", 6);
    second.finish();
    CHECK(files::content_of(path) == "second");
    first.finish();
    CHECK(files::content_of(path) == "first");
  }
  CHECK(files::content_of(path) == "first");
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("processes that write the same file repeatedly always leave it complete") {
  const files::TemporaryFolder folder;
  const fs::path path = folder.path / "file";
  constexpr std::size_t size = 20'000;
  const auto write = [&](char letter) {
    const std::string content(size, letter);
    FileInProgress file(path);
    file.write(content.data(), size / 2);
    file.write(content.data() + size / 2, size / 2);
    file.finish();
  };
  write('a');
  constexpr int writers_at_once = 4;
  pid_t children[writers_at_once];
  for (int i = 0; i < writers_at_once; ++i)
    if ((children[i] = ::fork()) == 0) {
      int status = 0;
      try {
        for (int round = 0; round < 150; ++round) write(char('b' + i));
      } catch (const Error&) {
        status = 1;
      }
      ::_exit(status);
    }
  int running = writers_at_once, torn = 0, failed = 0;
  while (running > 0) {
    const std::string content = files::content_of(path);
    torn += content.size() != size || content.find_first_not_of(content[0]) != content.npos;
    for (int status = 0; running > 0 && ::waitpid(-1, &status, WNOHANG) > 0; --running)
      failed += status != 0;
  }
  REQUIRE(torn == 0);
  REQUIRE(failed == 0);
  REQUIRE(entries(folder.path) == 1);
}

TEST_CASE("beginning a file without finishing it changes nothing") {
  const files::TemporaryFolder folder;
  { FileInProgress file(folder.path / "weights"); }
  CHECK(entries(folder.path) == 0);
}

}  // namespace frostline::test::file_in_progress_test
