"""Messages of the package, which speak Python, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Collection

import click

#: Words in Python, the option that must be there, and the words on the command line.
PHRASES = (
    ("with load_image: reduce=", "--reduce", "with reduce="),
    ("'dwi' with bvals ", "--bvals", "'dwi' with --bvals FILE "),
    ("pass bvals= (a file or a list)", "--bvals", "give --bvals FILE"),
    ("reduce and bvals are", "--reduce", "--reduce and --bvals are"),
    ("reduce must be", "--reduce", "--reduce must be"),
    ("Pass contrast=…", "--contrast", "Give --contrast, such as t2"),
    ("None keeps the soft mask", "--threshold", "without --threshold the mask stays soft"),
    ("seed_mm must be", "--seed-mm", "--seed-mm must be"),
    ("seed_mm (", "--seed-mm", "--seed-mm ("),
    ("give them to levels_from_discs", "--discs", "give them as --discs"),
    ("pass it as levels=", "--levels", "give it as --levels"),
    ("Pass levels=.", "--levels", "Give --levels, or discs beside the image."),
    ("See levels_from_discs; or over=None averages", "--all-slices", "Or --all-slices averages"),
    (" or {3: (x, y, z), 4: …} in mm", "--all-slices", ""),
    (" at_least=0 returns the best guess, to look at.", "--all-slices", ""),
    ("replace it with overwrite=True", "--force", "replace it with --force"),
    (
        "the second image of segment_cord(…, uncertainty=True)",
        "--no-angle-correction",
        "what segment --sd wrote",
    ),
    ("pass angle_correction=False", "--no-angle-correction", "give --no-angle-correction"),
    (
        "Pass centerline=, or angle_correction=False",
        "--no-angle-correction",
        "Give --no-angle-correction",
    ),
)
_ARGUMENT = re.compile(r"(?<![\w-])([a-z]\w*)=(?:'([\w-]+)'|([\w.-]*\w))?")


def options_of(words: Collection[str], group: click.Group) -> set[str]:
    """Options of the command that is called by these words; none of an unknown command."""
    command = next((group.commands[word] for word in words if word in group.commands), None)
    return {option for one in command.params for option in one.opts} if command else set()


def on_command_line(message: str, options: Collection[str]) -> str:
    """Name options where a message names arguments in Python, on one line.

    >>> on_command_line("Point at it with centerline= or seed_mm=.", {"--centerline", "--seed-mm"})
    'Point at it with --centerline or --seed-mm.'
    """
    for python, option, words in PHRASES:
        if option in options:
            message = message.replace(python, words)

    def option_for(found: re.Match[str]) -> str:
        option = f"--{found[1].replace('_', '-')}"
        value = found[2] or found[3]
        return " ".join(filter(None, (option, value))) if option in options else found[0]

    return " ".join(_ARGUMENT.sub(option_for, message).split())
