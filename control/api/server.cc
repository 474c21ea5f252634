#include "control/api/server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/api/session.h"

namespace kanmon::api {
namespace {

using asio::local::stream_protocol;

std::string why(const std::string& path, int error) {
  return path + ": " + std::strerror(error);
}

Caller caller_of(int fd) {
  Caller caller;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return caller;
  caller.uid = credentials.uid;
  caller.gid = credentials.gid;
  caller.pid = credentials.pid;
  caller.groups.resize(64);
  size = static_cast<socklen_t>(caller.groups.size() * sizeof(gid_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, caller.groups.data(), &size) != 0) size = 0;
  caller.groups.resize(size / sizeof(gid_t));
  return caller;
}

bool listens(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int result = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  const int error = errno;
  close(fd);
  return result == 0 || error != ECONNREFUSED;  // EAGAIN: its backlog is full, so it is there
}

// Takes away what a crash left behind. Returns why the path cannot be used, empty if it can.
std::string clear(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return errno == ENOENT ? "" : why(path, errno);
  if (!S_ISSOCK(status.st_mode)) return path + ": exists and is not a socket";
  if (listens(path)) return path + ": another program listens there";
  return unlink(path.c_str()) == 0 ? "" : why(path, errno);
}

std::string make_folder(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (folder.empty() || mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return why(folder, errno);
}

}  // namespace

std::optional<gid_t> group_named(const std::string& name) {
  const group* found = name.empty() ? nullptr : getgrnam(name.c_str());
  return found == nullptr ? std::nullopt : std::optional<gid_t>(found->gr_gid);
}

bool may_have_keys(const Caller& caller, uid_t own_uid) {
  return caller.uid == 0 || caller.uid == own_uid;
}

bool may_call(const Caller& caller, uid_t own_uid, const std::optional<gid_t>& group) {
  if (may_have_keys(caller, own_uid)) return true;
  if (!group) return false;
  return caller.gid == *group ||
         std::find(caller.groups.begin(), caller.groups.end(), *group) != caller.groups.end();
}

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& io, const Dispatcher& d, ServerOptions o)
      : dispatcher(d), options(std::move(o)), acceptor(io), retry(io) {}

  void accept();
  void pause();
  void serve(stream_protocol::socket socket);
  std::string listen();

  const Dispatcher& dispatcher;
  ServerOptions options;
  stream_protocol::acceptor acceptor;
  asio::steady_timer retry;
  std::set<std::shared_ptr<Session>> sessions;
  ServerCounters counters;
  struct stat file {};  // of the socket we made
};

Server::Server(asio::io_context& io, const Dispatcher& dispatcher, ServerOptions options)
    : impl_(std::make_shared<Impl>(io, dispatcher, std::move(options))) {}

Server::~Server() {
  stop();
}

const ServerCounters& Server::counters() const {
  return impl_->counters;
}

std::string Server::Impl::listen() {
  const std::string& path = options.path;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return why(path, ENAMETOOLONG);
  std::string problem = make_folder(path);
  if (problem.empty()) problem = clear(path);
  if (!problem.empty()) return problem;
  asio::error_code error;
  acceptor.open(stream_protocol(), error);
  if (error) return path + ": " + error.message();
  // Made with the right mode at once: there is no moment in which more users could connect. Only
  // this thread makes files.
  const mode_t before = umask(0117);
  acceptor.bind(stream_protocol::endpoint(path), error);
  umask(before);
  if (error) return path + ": " + error.message();
  if (options.group && chown(path.c_str(), static_cast<uid_t>(-1), *options.group) != 0)
    return why(path, errno);
  if (stat(path.c_str(), &file) != 0) return why(path, errno);
  acceptor.listen(16, error);
  return error ? path + ": " + error.message() : "";
}

std::string Server::start() {
  const std::string problem = impl_->listen();
  if (problem.empty()) {
    impl_->accept();
  } else {
    stop();
  }
  return problem;
}

void Server::Impl::accept() {
  acceptor.async_accept(
      [self = shared_from_this()](const asio::error_code& error, stream_protocol::socket socket) {
        if (!self->acceptor.is_open() || error == asio::error::operation_aborted) return;
        if (error) {
          self->pause();
        } else {
          self->serve(std::move(socket));
          self->accept();
        }
      });
}

// Out of descriptors: accepting again at once would fail again, and again.
void Server::Impl::pause() {
  retry.expires_after(std::chrono::milliseconds(100));
  retry.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error && self->acceptor.is_open()) self->accept();
  });
}

void Server::Impl::serve(stream_protocol::socket socket) {
  Caller caller = caller_of(socket.native_handle());
  const bool allowed = may_call(caller, geteuid(), options.group);
  const bool room = sessions.size() < options.clients;
  ++counters.accepted;
  const auto holder = std::make_shared<std::weak_ptr<Session>>();
  const auto closed = [self = weak_from_this(), holder] {
    const auto impl = self.lock();
    const auto session = holder->lock();
    if (impl && session) impl->sessions.erase(session);
  };
  const auto session = std::make_shared<Session>(std::move(socket), std::move(caller), dispatcher,
                                                 options.idle_timeout, counters, closed);
  *holder = session;
  if (allowed && room) {
    sessions.insert(session);
    session->start();
  } else if (!allowed) {
    ++counters.forbidden;
    session->refuse(Refusal::kForbidden, "only root, the program's user and its group may call");
  } else {
    ++counters.busy;
    session->refuse(Refusal::kBusy, "too many clients");
  }
}

void Server::stop() {
  asio::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->retry.cancel();
  const auto sessions = impl_->sessions;  // close() takes them out of the set
  for (const auto& session : sessions) session->close();
  struct stat now {};
  const std::string& path = impl_->options.path;
  if (impl_->file.st_ino != 0 && stat(path.c_str(), &now) == 0 &&
      now.st_ino == impl_->file.st_ino && now.st_dev == impl_->file.st_dev)
    unlink(path.c_str());
  impl_->file = {};
}

}  // namespace kanmon::api
