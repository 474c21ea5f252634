#include "control/cli/completion.h"

#include <CLI/CLI.hpp>

namespace kanmon::cli {
namespace {

// One case per command: its options and the commands below it.
void append_case(std::string& out, const CLI::App& app, const std::string& path) {
  std::string words;
  for (const CLI::App* sub : app.get_subcommands({})) words += sub->get_name() + " ";
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  out += "    \"" + path + "\") words=\"" + words + "\" ;;\n";
  for (const CLI::App* sub : app.get_subcommands({}))
    append_case(out, *sub, path + "/" + sub->get_name());
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::string out = R"bash(# bash completion of kanmon; made by `kanmon completion bash`
_kanmon() {
  local word path="" words="" here="${COMP_WORDS[COMP_CWORD]}"
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*|*/*) ;; *) path="$path/$word" ;; esac
  done
  case "$path" in
)bash";
  append_case(out, app, "");
  out += R"bash(  esac
  case "$path" in
    /tunnel/up|/tunnel/down|/tunnel/rekey)
      words="$words $(kanmon show tunnels 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
    /bgp/clear|/bgp/shutdown|/show/bgp/neighbors|/show/bgp/received|/show/bgp/advertised)
      words="$words $(kanmon show bgp 2>/dev/null | awk 'NR > 1 && NF > 5 { print $1 }')" ;;
    /validate) COMPREPLY=($(compgen -f -- "$here")); return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$here"))
}
complete -F _kanmon kanmon
)bash";
  return out;
}

}  // namespace kanmon::cli
