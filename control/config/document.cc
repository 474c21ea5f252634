#include "control/config/document.h"

#include <algorithm>
#include <exception>
#include <istream>
#include <streambuf>
#include <unordered_set>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "control/common/secret.h"
#include "control/log/text.h"

namespace kanmon::config {
namespace {

Mark from(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
}

// Thrown by the builder to leave yaml-cpp's parser early; never leaves this file.
struct LimitReached {
  Mark mark;
  std::string text;
};

// Reads from memory that stays with the caller: no copy of a text that may hold keys.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* start = const_cast<char*>(text.data());  // the interface's; nothing writes through it
    setg(start, start, start + text.size());
  }
};

Mark first_place(const Node& map, std::string_view key) {
  for (const auto& entry : map.entries)
    if (entry.first->text == key) return entry.first->mark;
  return {};
}

}  // namespace

class Builder : public YAML::EventHandler {
 public:
  // `hidden`: null if the text is whole.
  Builder(Document& document, HiddenKeys* hidden, Problems& problems)
      : document_(document), hidden_(hidden), problems_(problems) {
    anchors_.push_back(nullptr);  // yaml-cpp counts anchors from one
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    finished(add(Node::Kind::kNothing, mark, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kSequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override {
    merge(stack_.back());
    close();
  }

 private:
  // A container that is being read.
  struct Frame {
    Node* node = nullptr;
    YAML::anchor_t anchor = 0;
    const Node* key = nullptr;  // kMap: the key whose value comes next
    std::unordered_set<std::string_view> seen;
    std::vector<std::pair<const Node*, const Node*>> merged;  // values of `<<`
  };

  Node* add(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor);
  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void close();
  void finished(const Node* node);
  void take_key(Frame& frame, const Node* node);
  void take_value(Frame& frame, const Node* node);
  void merge(Frame& frame);
  void grow(Node& container, const Node& part);
  std::string path_to(const std::string& key) const;
  void refuse_tag(const YAML::Mark& mark, const std::string& tag);

  Document& document_;
  HiddenKeys* hidden_;
  Problems& problems_;
  std::vector<Frame> stack_;
  std::vector<const Node*> anchors_;  // nullptr: not finished yet
};

Node* Builder::add(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
  if (document_.nodes_.size() >= Limits::kNodes) throw LimitReached{from(mark), "too many values"};
  Node& node = document_.nodes_.emplace_back();
  node.kind = kind;
  node.mark = from(mark);
  if (anchor != 0) {
    if (anchors_.size() <= anchor) anchors_.resize(anchor + 1, nullptr);
    const bool is_leaf = kind == Node::Kind::kNothing || kind == Node::Kind::kScalar;
    anchors_[anchor] = is_leaf ? &node : nullptr;
  }
  return &node;
}

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       const std::string& value) {
  refuse_tag(mark, tag);
  Node* node = add(Node::Kind::kScalar, mark, anchor);
  const auto key =
      hidden_ == nullptr ? std::string_view() : hidden_->take(static_cast<size_t>(mark.pos), value);
  node->is_hidden = !key.empty();
  node->text = node->is_hidden ? key : value;
  node->is_quoted = tag != "?";
  finished(node);
}

void Builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const Node* node = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
  if (node == nullptr) throw LimitReached{from(mark), "an alias inside of what it stands for"};
  finished(node);
}

void Builder::open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
                   YAML::anchor_t anchor) {
  refuse_tag(mark, tag);
  if (stack_.size() >= Limits::kDepth)
    throw LimitReached{from(mark), "nested deeper than " + std::to_string(Limits::kDepth)};
  Frame frame{};
  frame.node = add(kind, mark, anchor);
  frame.anchor = anchor;
  stack_.push_back(std::move(frame));
}

void Builder::close() {
  Frame frame = std::move(stack_.back());
  stack_.pop_back();
  if (frame.anchor != 0) anchors_[frame.anchor] = frame.node;
  finished(frame.node);
}

// A node is complete: it goes where the container around it wants it.
void Builder::finished(const Node* node) {
  if (stack_.empty()) {
    document_.root_ = node;
    return;
  }
  Frame& frame = stack_.back();
  if (frame.node->kind == Node::Kind::kSequence) {
    frame.node->items.push_back(node);
    grow(*frame.node, *node);
  } else if (frame.key == nullptr) {
    take_key(frame, node);
  } else {
    take_value(frame, node);
  }
}

void Builder::take_key(Frame& frame, const Node* node) {
  static const Node kNameless{};
  frame.key = node;
  if (node->kind == Node::Kind::kScalar && !node->text.empty()) return;
  problems_.error(node->mark, "", "found " + node->describe() + ", expected a key");
  frame.key = &kNameless;
}

void Builder::take_value(Frame& frame, const Node* node) {
  const Node* key = frame.key;
  frame.key = nullptr;
  if (key->kind != Node::Kind::kScalar) return;  // reported as a key already
  if (key->text == "<<" && !key->is_quoted) {
    frame.merged.emplace_back(key, node);
    return;
  }
  if (!frame.seen.insert(key->text).second) {
    problems_.error(key->mark, path_to(key->text),
                    "stands here a second time in one section; the first is at line " +
                        std::to_string(first_place(*frame.node, key->text).line));
    return;
  }
  frame.node->entries.emplace_back(key, node);
  grow(*frame.node, *node);
}

// The path of `key` in the innermost container, as Context would write it.
std::string Builder::path_to(const std::string& key) const {
  std::string path;
  for (std::size_t i = 0; i + 1 < stack_.size(); ++i) {
    const Frame& frame = stack_[i];
    if (frame.node->kind == Node::Kind::kSequence) {
      path += "[" + std::to_string(frame.node->items.size()) + "]";
    } else if (frame.key != nullptr) {
      path += (path.empty() ? "" : ".") + log::printable(frame.key->text, 64);
    }
  }
  return path + (path.empty() ? "" : ".") + log::printable(key, 64);
}

// Adds the entries of the maps that `<<` names, unless the map has the key itself.
void Builder::merge(Frame& frame) {
  for (const auto& [key, value] : frame.merged) {
    if (value->kind != Node::Kind::kMap) {
      problems_.error(value->mark, "<<",
                      "found " + value->describe() + ", expected an alias of a section");
      continue;
    }
    for (const auto& entry : value->entries) {
      if (!frame.seen.insert(entry.first->text).second) continue;
      frame.node->entries.push_back(entry);
      grow(*frame.node, *entry.second);
    }
  }
}

void Builder::grow(Node& container, const Node& part) {
  container.weight += part.weight;  // both below kNodes: no overflow
  if (container.weight > Limits::kNodes)
    throw LimitReached{container.mark, "too many values once aliases are written out"};
}

void Builder::refuse_tag(const YAML::Mark& mark, const std::string& tag) {
  if (tag.empty() || tag == "?" || tag == "!") return;
  problems_.error(from(mark), "",
                  "found the tag " + in_quotes(tag) + ", tags have no meaning here");
}

namespace {

Mark place_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const auto lines = std::count(before.begin(), before.end(), '\n');
  return {static_cast<uint32_t>(lines + 1), static_cast<uint32_t>(at - line_start + 1)};
}

// yaml-cpp takes 0x04 for the end of the text and guesses UTF-16 from zero octets: neither may get
// there. YAML forbids such characters anyway (YAML 1.2 section 5.1).
bool is_text(std::string_view text, Problems& problems) {
  if (text.size() > Limits::kTextBytes) {
    problems.error({}, "",
                   "found " + std::to_string(text.size()) + " octets, expected at most " +
                       std::to_string(Limits::kTextBytes));
    return false;
  }
  std::size_t at = log::valid_utf8(text);
  if (at != text.size()) {
    problems.error(place_of(text, at), "", "found an octet that is not UTF-8");
    return false;
  }
  for (at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t' || c == '\r') continue;
    problems.error(place_of(text, at), "", "found a control character");
    return false;
  }
  return true;
}

}  // namespace

std::string Node::describe() const {
  switch (kind) {
    case Kind::kNothing:
      return "nothing";
    case Kind::kScalar:
      return in_quotes(text);
    case Kind::kSequence:
      return "a list";
    case Kind::kMap:
      return "a section";
  }
  return "nothing";
}

Document::~Document() {
  clear();
}

void Document::clear() {
  for (Node& node : nodes_) wipe({reinterpret_cast<uint8_t*>(node.text.data()), node.text.size()});
  nodes_.clear();
  root_ = nullptr;
}

bool Document::parse(std::string_view text, Problems& problems) {
  if (!is_text(text, problems)) return false;
  HiddenKeys hidden(text);
  Problems found = problems;
  const bool is_read = read(hidden.text(), &hidden, found);
  if (!is_read || hidden.all_taken()) {
    problems = std::move(found);
    return is_read;
  }
  clear();
  return read(text, nullptr, problems);
}

bool Document::read(std::string_view text, HiddenKeys* hidden, Problems& problems) {
  try {
    ViewBuffer buffer(text);
    std::istream in(&buffer);
    YAML::Parser parser(in);
    Builder builder(*this, hidden, problems);
    if (!parser.HandleNextDocument(builder) || root_ == nullptr) {
      problems.error({1, 1}, "", "found nothing, expected a configuration");
      return false;
    }
    const Node* first = root_;
    Document rest;
    Builder ignored(rest, nullptr, problems);
    if (parser.HandleNextDocument(ignored) && rest.root_ != nullptr)
      problems.error(rest.root_->mark, "", "found a second document, expected one in a file");
    root_ = first;
    return true;
  } catch (const LimitReached& e) {
    problems.error(e.mark, "", e.text);
  } catch (const YAML::Exception& e) {
    problems.error(from(e.mark), "", "not YAML: " + e.msg);
  } catch (const std::exception& e) {
    problems.error({}, "", std::string("not readable: ") + e.what());
  }
  return false;
}

}  // namespace kanmon::config
