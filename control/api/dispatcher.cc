#include "control/api/dispatcher.h"

#include <cassert>
#include <exception>
#include <new>

#include "control/log/text.h"

namespace kanmon::api {
namespace {

constexpr const char* kRefusals[] = {"bad-request",    "unknown-method", "not-found", "conflict",
                                     "invalid-config", "forbidden",      "busy",      "internal"};

// Depth of brackets outside of strings: cheap, and before the parser allocates anything.
std::size_t nesting(std::string_view text) {
  std::size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

const char* to_string(Refusal refusal) {
  return kRefusals[static_cast<uint8_t>(refusal)];
}

Answer Answer::of(Json result) {
  Answer answer;
  answer.result = std::move(result);
  return answer;
}

Answer Answer::refuse(Refusal refusal, std::string message, std::vector<config::Problem> problems) {
  Answer answer;
  answer.ok = false;
  answer.refusal = refusal;
  answer.message = std::move(message);
  answer.problems = std::move(problems);
  return answer;
}

Json to_json(const config::Problem& p) {
  return {{"file", p.file}, {"line", p.line}, {"column", p.column},
          {"key", p.key},   {"text", p.text}, {"severity", p.warning ? "warning" : "error"}};
}

std::string Answer::to_line() const {
  Json line = {{"ok", ok}};
  if (ok) {
    line["result"] = result;
  } else {
    line["error"] = {{"code", to_string(refusal)}, {"message", message}};
    for (const auto& p : problems) line["error"]["problems"].push_back(to_json(p));
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Dispatcher::add(std::string method, Handler handler) {
  add_for_caller(std::move(method),
                 [handler = std::move(handler)](const Json& params, const Caller&) {
                   return handler(params);
                 });
}

void Dispatcher::add_for_caller(std::string method, CallerHandler handler) {
  const bool is_new = handlers_.emplace(std::move(method), std::move(handler)).second;
  assert(is_new);
  (void)is_new;
}

std::vector<std::string> Dispatcher::methods() const {
  std::vector<std::string> names;
  for (const auto& entry : handlers_) names.push_back(entry.first);
  return names;
}

Answer Dispatcher::call(std::string_view line, const Caller& caller) const {
  if (line.size() > kRequestBytes)
    return Answer::refuse(Refusal::kBadRequest, "the request is larger than 1 MiB");
  if (nesting(line) > kDepth)
    return Answer::refuse(Refusal::kBadRequest, "the request is nested too deep");
  const Json request = Json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("method") || !request["method"].is_string())
    return Answer::refuse(Refusal::kBadRequest, "expected an object with \"method\"");
  const auto& method = request["method"].get_ref<const std::string&>();
  const Json params = request.contains("params") ? request["params"] : Json::object();
  if (!params.is_object())
    return Answer::refuse(Refusal::kBadRequest, "expected \"params\" to be an object");
  const auto handler = handlers_.find(method);
  if (handler == handlers_.end())
    return Answer::refuse(Refusal::kUnknownMethod,
                          "there is no method \"" + log::printable(method, 64) + "\"");
  return handler->second(params, caller);
}

std::string Dispatcher::answer(std::string_view line, const Caller& caller) const {
  try {
    return call(line, caller).to_line();
  } catch (const std::exception& e) {
    try {
      return Answer::refuse(Refusal::kInternal, log::printable(e.what())).to_line();
    } catch (const std::exception&) {  // out of memory
      return R"({"ok":false,"error":{"code":"internal","message":"out of memory"}})";
    }
  }
}

std::string text_param(const Json& params, const char* key) {
  const auto found = params.find(key);
  return found != params.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace kanmon::api
