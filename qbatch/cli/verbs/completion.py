"""``qbatch completion``: the script that lets a shell complete verbs, flags and files."""

from __future__ import annotations

import click

#: Shell -> the line that installs the script for good.
_INSTALL = {
    "bash": "qbatch completion bash >> ~/.bashrc",
    "zsh": "qbatch completion zsh >> ~/.zshrc",
    "fish": "qbatch completion fish > ~/.config/fish/completions/qbatch.fish",
}


#: click's script for bash takes the words as bash parts them, also at "=" and ":", which stand in
#: points and settings; this one takes the line, and leaves of each offer what bash has not yet.
_BASH = """\
%(complete_func)s() {
    local line=${COMP_LINE:0:COMP_POINT} last begun='' at type value
    local -a words
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    at=$((${#words[@]} - 1))
    last=${words[at]}
    [[ $last == *[=:]* && $COMP_WORDBREAKS == *=* ]] && begun=${last%%"${last##*[=:]}"}
    COMPREPLY=()
    while IFS=',' read -r type value; do
        if [[ $type == dir ]]; then
            compopt -o dirnames
        elif [[ $type == file ]]; then
            compopt -o default
        elif [[ $type == plain ]]; then
            [[ $value == *= ]] && compopt -o nospace
            COMPREPLY+=("${value#"$begun"}")
        fi
    done < <(env COMP_WORDS="$line" COMP_CWORD="$at" %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@click.command(
    epilog="\b\n" + "\n".join(_INSTALL.values()),
)
@click.argument("shell", type=click.Choice(tuple(_INSTALL)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, shell
    script = kind(context.find_root().command, {}, "qbatch", "_QBATCH_COMPLETE")
    template = _BASH if shell == "bash" else script.source_template
    click.echo(template % script.source_vars())
