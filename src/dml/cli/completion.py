"""``dml completion``: completion scripts for bash, zsh and fish.

The scripts pass the words to ``dml`` (see ``app.shell_complete``) and show its answer; generated copies are in
``completions/``.
"""

from __future__ import annotations

from typing import Annotated, Final

from typer import Argument

from dml.cli.app.framework import command, current, single
from dml.cli.app.output import write_line

app = single("completion")

BASH: Final = """\
# bash completion for dml. Load it with:  eval "$(dml completion bash)"
_dml_completion() {
    local IFS=$'\\n' answer
    answer=$(_DML_COMPLETE=bash _DML_WORDS="${COMP_WORDS[*]}" _DML_WORD=$COMP_CWORD "$1" 2>/dev/null) || return
    COMPREPLY=()
    case $answer in
        :files) compopt -o default ;;
        :directories) compopt -o dirnames ;;
        *) COMPREPLY=($answer) ;;
    esac
}
complete -o nosort -F _dml_completion dml
"""

ZSH: Final = """\
#compdef dml
# zsh completion for dml. Load it with:  eval "$(dml completion zsh)"  or put it into $fpath as _dml
_dml_completion() {
    local answer line value
    local -a choices
    answer=$(_DML_COMPLETE=zsh _DML_WORDS="${(F)words}" _DML_WORD=$((CURRENT - 1)) "${words[1]}" 2>/dev/null) || return
    case $answer in
        :files) _files; return ;;
        :directories) _files -/; return ;;
    esac
    for line in "${(@f)answer}"; do
        [[ -n $line ]] || continue
        value=${line%%$'\\t'*}
        if [[ $line == *$'\\t'* ]]; then
            choices+=("${value//:/\\\\:}:${line#*$'\\t'}")
        else
            choices+=("${value//:/\\\\:}")
        fi
    done
    (( $#choices )) && _describe -V 'dml' choices
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _dml_completion "$@"
else
    compdef _dml_completion dml
fi
"""

FISH: Final = """\
# fish completion for dml. Load it with:  dml completion fish | source
function _dml_completion
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    set -l position (count $words)
    set -l answer (_DML_COMPLETE=fish _DML_WORDS=(string join \\n -- $words $word | string collect) \\
        _DML_WORD=$position $words[1] 2>/dev/null)
    switch "$answer[1]"
        case ':files'
            __fish_complete_path $word
        case ':directories'
            __fish_complete_directories $word
        case '*'
            printf '%s\\n' $answer
    end
end
complete --command dml --no-files --keep-order --arguments '(_dml_completion)'
"""

SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}
"""The script of each shell."""

FILES: Final = {"bash": "dml.bash", "zsh": "_dml", "fish": "dml.fish"}
"""The names under which each shell looks for it."""


def _complete_shell(incomplete: str) -> list[str]:
    return [shell for shell in SCRIPTS if shell.startswith(incomplete)]


@command(
    app,
    "completion",
    examples=[
        ("dml completion bash", 'Bash; `eval "$(dml completion bash)"` in ~/.bashrc loads it.'),
        ("dml completion zsh", 'Zsh: `eval "$(dml completion zsh)"` after compinit in ~/.zshrc.'),
        ("dml completion fish", "Fish; save it as ~/.config/fish/completions/dml.fish."),
    ],
)
def completion(
    shell: Annotated[str, Argument(metavar="SHELL", help="bash, zsh or fish.", autocompletion=_complete_shell)],
) -> None:
    """Print the completion script for a shell."""
    from dml.errors import UsageError

    if shell not in SCRIPTS:
        raise UsageError(f"no completion for {shell!r}", hint=f"Supported shells: {', '.join(SCRIPTS)}.")
    script = SCRIPTS[shell]
    current().console.emit("completion", {"shell": shell, "script": script}, lambda: write_line(script.rstrip("\n")))
