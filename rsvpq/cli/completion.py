"""Complete a command line for a shell, from a table of all commands: to load these themselves takes half a second.

``make command-files`` writes the table, :data:`TABLE`, and the files in ``deploy/completion/`` that ask for this.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from rsvpq.cli.names import Name

#: The variable by which a shell asks: ``bash_complete``, or ``bash_source`` for the shell's file.
VARIABLE = "_RSVPQ_COMPLETE"
TABLE = Path(__file__).with_name("completion.json")
#: Ends the word at the cursor, which may be empty or inside quotation marks.
_CURSOR = "\x00"
#: Characters besides letters and digits that need no quotation marks.
_PLAIN = frozenset("@.:=+,_-")

_BASH = """\
%(complete_func)s() {
    local line kind value
    COMPREPLY=()
    while IFS= read -r line; do
        kind=${line%%%%,*} value=${line#*,}
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            quoted) compopt -o filenames; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a lines described values texts
    local line kind value text
    (( ! $+commands[%(prog_name)s] )) && return 1
    line="${(j: :)words[1,CURRENT]}"
    lines=("${(@f)$(env COMP_LINE="$line" %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for line in $lines; do
        kind=${line%%%%,*} value=${${line#*,}%%%%$'\\t'*} text=${line#*$'\\t'}
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            *)
                if [[ -n $text ]]; then
                    described+=("${value//:/\\\\:}:$text")
                else
                    values+=("$value")
                fi
                ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#values )) && compadd -U -V unsorted -a values
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = """\
function %(complete_func)s
    set -l lines (env COMP_LINE=(commandline -cp) %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
    for line in $lines
        set -l parts (string split -m 1 "," -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case "*"
                echo $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _Completion(ShellComplete):
    """Completes the line up to the cursor; the shell's file passes it as ``COMP_LINE``, unparsed."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one at the cursor, and that one."""
        *words, last = split_arg_string(os.environ.get("COMP_LINE", "") + _CURSOR)
        return words[1:], last.removesuffix(_CURSOR)

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """Return what the word at the cursor may become, an option before ``=`` included, which shells replace too."""
        found = super().get_completions(args, incomplete)
        option, sign, _ = incomplete.partition("=")
        if not sign or not option.startswith("--"):
            return found
        return [CompletionItem(f"{option}={item.value}", item.type, item.help) for item in found]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line: the type, the value and, after a tab, what it means, '' if that is obvious."""
        return f"{item.type},{item.value}\t{item.help or ''}"


class BashCompletion(_Completion):
    """Bash replaces only what follows the last of its word breaks, such as the @ of an address."""

    name = "bash"
    source_template = _BASH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line: the type, and the part of the value that bash has no part of yet."""
        value = str(item.value)
        kind = item.type
        if kind == "plain" and not all(char.isalnum() or char in _PLAIN for char in value):
            kind = "quoted"
        kept = kept_by_bash(os.environ.get("COMP_LINE", ""), os.environ.get("COMP_BREAKS", ""))
        return f"{kind},{value.removeprefix(kept)}"


def kept_by_bash(line: str, breaks: str) -> str:
    """Return the beginning of the last word that bash keeps, because it replaces only what follows a word break.

    :param breaks: the characters that end words for readline; it replaces an ``@`` too.
    """
    quote, word, end, at = "", 0, 0, 0
    while at < len(line):
        char = line[at]
        if char == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == " ":
            word = end = at + 1
        elif char in breaks:
            end = at if char == "@" else at + 1
        at += 1
    return "".join(split_arg_string(line[word:end]))


class ZshCompletion(_Completion):
    """Zsh quotes by itself."""

    name = "zsh"
    source_template = _ZSH


class FishCompletion(_Completion):
    """Fish quotes by itself."""

    name = "fish"
    source_template = _FISH


SHELLS: Mapping[str, type[_Completion]] = {one.name: one for one in (BashCompletion, ZshCompletion, FishCompletion)}


def complete(instruction: str) -> None:
    """Print what a shell has asked for by :data:`VARIABLE`; nothing if that is something else."""
    shell, _, what = instruction.partition("_")
    if shell not in SHELLS:
        return
    made = SHELLS[shell](_command(json.loads(TABLE.read_text("utf-8"))), {}, "rsvpq", VARIABLE)
    sys.stdout.write(made.source() if what == "source" else made.complete() + "\n")


def described(command: click.Command) -> dict[str, Any]:
    """Return what is in the table of a command that is loaded: all that its completion needs."""
    context = click.Context(command)
    found: dict[str, Any] = {"name": command.name, "help": command.get_short_help_str(80)}
    found["params"] = [_of_parameter(one) for one in command.params]
    if isinstance(command, click.Group):
        below = (command.get_command(context, name) for name in command.list_commands(context))
        found["commands"] = [described(one) for one in below if one and not one.hidden]
    return found


def _of_parameter(parameter: click.Parameter) -> dict[str, Any]:
    kind, more = parameter.type, dict[str, Any]()
    if isinstance(kind, click.Choice):
        more = {"choices": list(map(str, kind.choices))}
    elif isinstance(kind, Name):
        more = {"names": kind.kind}
    elif isinstance(kind, click.Path | click.File):
        more = {"path": True}
    found = {"name": parameter.name, "nargs": parameter.nargs, **more}
    if not isinstance(parameter, click.Option):
        return found
    words = [*parameter.opts, *parameter.secondary_opts]
    value = "none" if parameter.is_flag else "optional" if isinstance(parameter.flag_value, float | str) else "one"
    return {**found, "words": words, "help": parameter.help, "multiple": parameter.multiple, "value": value}


def _command(known: Mapping[str, Any]) -> click.Command:
    """Return a command that can be completed, and nothing else."""
    params = [_parameter(one) for one in known["params"]]
    settings = {"help_option_names": ["-h", "--help"]}
    if "commands" not in known:
        return click.Command(known["name"], settings, params=params, help=known["help"])
    below = {one["name"]: _command(one) for one in known["commands"]}
    return click.Group(
        known["name"], below, params=params, help=known["help"], invoke_without_command=True, context_settings=settings
    )


def _parameter(known: Mapping[str, Any]) -> click.Parameter:
    kind: click.ParamType[Any] = click.STRING
    if "choices" in known:
        kind = click.Choice(known["choices"])
    elif "names" in known:
        kind = Name(known["names"])
    elif "path" in known:
        kind = click.Path()
    if "words" not in known:
        return click.Argument([known["name"]], nargs=known["nargs"], type=kind, required=False)
    names, texts = [known["name"], *known["words"]], {"help": known["help"], "multiple": known["multiple"]}
    match known["value"]:
        case "none":
            return click.Option(names, is_flag=True, **texts)
        case "optional":
            return click.Option(names, is_flag=False, flag_value="", **texts)
    return click.Option(names, type=kind, nargs=known["nargs"], **texts)
