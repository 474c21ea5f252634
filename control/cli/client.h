// A call of the API over its unix socket, from a program without an event loop.
#pragma once

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

namespace kanmon::cli {

using Json = nlohmann::ordered_json;

struct Reply {
  enum class Kind { kResult, kRefused, kNoDaemon } kind = Kind::kNoDaemon;
  Json result;          // kResult
  Json error;           // kRefused: {"code", "message", "problems"?}
  std::string message;  // kRefused, kNoDaemon: for people
};

// Sends one request and waits for its answer, at most `timeout` for each step. Never throws.
Reply call(const std::string& socket_path, const std::string& method, const Json& params,
           std::chrono::milliseconds timeout);

}  // namespace kanmon::cli
