"""``qbatch completion``: the script that lets a shell complete verbs, flags and files."""

from __future__ import annotations

import click

#: Shell -> the line that installs the script for good.
_INSTALL = {
    "bash": "qbatch completion bash >> ~/.bashrc",
    "zsh": "qbatch completion zsh >> ~/.zshrc",
    "fish": "qbatch completion fish > ~/.config/fish/completions/qbatch.fish",
}


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
    click.echo(script.source_template % script.source_vars())
