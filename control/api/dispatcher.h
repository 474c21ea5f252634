// The API's methods: a name and a function from JSON to JSON, without any socket.
//
// Request   {"method":"show.tunnels","params":{}}          params may be left out
// Answer    {"ok":true,"result":{…}}
//           {"ok":false,"error":{"code":"…","message":"…","problems":[…]}}   problems: reload only
// docs/api.md lists the methods and the documents they answer with.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/api/caller.h"
#include "control/config/config.h"

namespace kanmon::api {

using Json = nlohmann::ordered_json;

// Why a request was refused; the codes are part of the interface (docs/api.md).
enum class Refusal : uint8_t {
  kBadRequest,     // not JSON, too large, nested too deep, not an object, or bad params
  kUnknownMethod,  // no such method
  kNotFound,       // what params name does not exist
  kConflict,       // not possible in the present state
  kInvalidConfig,  // `problems` says what is wrong with the file
  kForbidden,      // the caller may not
  kBusy,           // too many clients
  kInternal,       // a handler failed; the log says more
};
const char* to_string(Refusal refusal);

// What a handler returns: a result, or a refusal with a message for people.
struct Answer {
  Json result = Json::object();
  bool ok = true;
  Refusal refusal = Refusal::kInternal;
  std::string message;
  std::vector<config::Problem> problems;

  static Answer of(Json result);
  static Answer refuse(Refusal refusal, std::string message,
                       std::vector<config::Problem> problems = {});
  // The wire form, one line without the newline. Text that is not UTF-8 is replaced, not refused.
  std::string to_line() const;
};

// A problem as the API and `kanmon validate --json` show it.
Json to_json(const config::Problem& problem);

class Dispatcher {
 public:
  // `params` is an object. A handler that throws is answered for with kInternal.
  using Handler = std::function<Answer(const Json& params)>;
  // Of a method whose answer depends on who asks.
  using CallerHandler = std::function<Answer(const Json& params, const Caller& caller)>;

  static constexpr std::size_t kRequestBytes = 1024 * 1024;
  static constexpr std::size_t kDepth = 16;

  // REQUIRES: `method` is not there yet.
  void add(std::string method, Handler handler);
  void add_for_caller(std::string method, CallerHandler handler);
  std::vector<std::string> methods() const;

  // Answers one request. Never throws, whatever the line holds.
  std::string answer(std::string_view line, const Caller& caller = {}) const;

 private:
  Answer call(std::string_view line, const Caller& caller) const;

  std::map<std::string, CallerHandler, std::less<>> handlers_;
};

// For handlers: the text value of `params[key]`, empty if it is missing or no text.
std::string text_param(const Json& params, const char* key);

}  // namespace kanmon::api
