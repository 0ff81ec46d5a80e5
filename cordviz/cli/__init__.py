"""The command line: cordviz demo | lab | segment | measure | compare | train."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Sequence

import click

from .._version import __version__
from .image import demo, measure, segment
from .notebooks import lab
from .study import compare, train
from .words import on_command_line, options_of


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Bad input ends with code 2 and one plain line on standard error, whoever found it. Warnings
    are shown one per line after the work is done. `args` are by default those of the process.
    """
    words = sys.argv[1:] if args is None else list(args)
    options = options_of(words, cli)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            code = cli.main(words, prog_name="cordviz", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("cordviz: stopped", err=True)
        return 130
    except click.ClickException as error:
        context = getattr(error, "ctx", None)  # of a wrong command line
        hint = f" See: {context.command_path} --help" if context else ""
        return _refuse(error.format_message() + hint, options)
    except (ValueError, TypeError, OSError) as error:
        return _refuse(str(error) or type(error).__name__, options)
    for message in dict.fromkeys(on_command_line(str(one.message), options) for one in caught):
        click.echo(f"cordviz: warning: {message}", err=True)
    return code if isinstance(code, int) else 0


def _refuse(message: str, options: Collection[str]) -> int:
    click.echo(f"cordviz: error: {on_command_line(message, options)}", err=True)
    return 2


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="cordviz %(version)s")
def cli() -> None:
    """Segment the spinal cord, measure its area, see how both depend on MRI contrast.

    Not a medical device.
    """


for _command in (demo, lab, segment, measure, compare, train):
    cli.add_command(_command)
