"""Pages of documentation as programs: their code blocks, and what comes out when these are run.

python    executed; all python blocks of a page are one module
text      right below a python block: what that block prints
pycon     a doctest in the module's namespace
console   commands after `$`, continued after a backslash at a line's end; the output shown below one is compared.
          A command ends well, unless it says otherwise: `$ headrace plam  # exit code 2`

In output `...` is anything, a line `...` any number of lines, and blanks are as good as one. Other blocks, and those
marked `no-run`, are only read.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import types
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from headrace.cli.main import main

PROJECT_PACKAGES = ("assets", "resources", "definitions")
_FENCE = re.compile(r"^```(.*)$")
_EXIT = re.compile(r"\s+# exit code (\d+)$")
_SHELL = re.compile(r"[|<>&;*?]")
_EXPANDS = re.compile(r"[$`]")


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is the number (from 0) of its first line in the page."""

    language: str
    run: bool
    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A command of a console block, and the lines shown below it."""

    command: str
    exits: int
    shown: tuple[str, ...]
    line: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    opened: tuple[str, int] | None = None
    lines = page.splitlines()
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if opened is None:
            opened = (fence[1].strip(), number + 1)
        else:
            language, _, rest = opened[0].partition(" ")
            found.append(Block(language, "no-run" not in rest, opened[1], tuple(lines[opened[1] : number])))
            opened = None
    assert opened is None, f"line {opened and opened[1]}: a block is not closed"
    return found


def steps(block: Block) -> list[Step]:
    """The commands of a console block. A line that ends with a backslash goes on in the next one."""
    found: list[Step] = []
    for number, line in enumerate(block.lines, start=block.line):
        if found and found[-1].command.endswith("\\"):
            last = found[-1]
            found[-1] = Step(last.command[:-1] + _EXIT.sub("", line), _exit_code(line), (), last.line)
        elif line.startswith("$ "):
            found.append(Step(_EXIT.sub("", line[2:]), _exit_code(line), (), number + 1))
        else:
            assert found, f"line {number + 1}: a console block starts with a command"
            last = found[-1]
            found[-1] = Step(last.command, last.exits, (*last.shown, line), last.line)
    return found


def _exit_code(line: str) -> int:
    found = _EXIT.search(line)
    return int(found[1]) if found else 0


def matches(shown: tuple[str, ...], got: list[str]) -> bool:
    """Whether output is as shown: `...` in a line is anything, a line `...` any number of lines.

    Blanks at the end of lines and empty lines at the end do not count.
    """
    left, right = list(shown), list(got)
    for lines in (left, right):
        while lines and not lines[-1].strip():
            lines.pop()
    reached = {0}  # how many lines of the output the lines shown so far can stand for
    for line in left:
        if line.strip() == "...":
            reached = set(range(min(reached, default=len(right) + 1), len(right) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(right) and same_line(line, right[at])}
    return len(right) in reached


def same_line(shown: str, got: str) -> bool:
    pattern = re.sub(r"([\[*?])", r"[\1]", " ".join(shown.split())).replace("...", "*")
    return fnmatchcase(" ".join(got.split()), pattern)


class Runner:
    """Runs a page's blocks, from the top, with the working directory starting in `folder`."""

    def __init__(self, name: str, text: str, folder: Path, scratch: Path) -> None:
        self.name = name
        self.text = text
        self.folder = folder
        self.module = types.ModuleType(f"page_{uuid.uuid4().hex}")
        self.file = scratch / f"{self.module.__name__}.py"
        self.module.__file__ = str(self.file)
        self.printed: tuple[int, str] = (-1, "")  # up to which line of the page, and what

    def run(self, above: str = "") -> None:
        """Run the page; `above` is Python that its own has to be read after."""
        found = blocks(self.text)
        self._write_module([block for block in found if block.language == "python" and block.run])
        sys.modules[self.module.__name__] = self.module  # classes look their module up by name
        try:
            with fresh_imports():
                sys.path.insert(0, str(self.folder))
                exec(above, self.module.__dict__)
                for block in found:
                    self._run_block(block)
        finally:
            del sys.modules[self.module.__name__]

    def _run_block(self, block: Block) -> None:
        if not block.run:
            return
        if block.language == "python":
            self._run_python(block)
        elif block.language == "text":
            self._compare(block)
        elif block.language == "pycon":
            self._run_session(block)
        elif block.language == "console":
            for step in steps(block):
                self._run_step(step)

    def _write_module(self, found: list[Block]) -> None:
        """All python blocks in one file, on the lines they have in the page: functions find their source there."""
        lines = [""] * len(self.text.splitlines())
        for block in found:
            lines[block.line : block.line + len(block.lines)] = block.lines
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _run_python(self, block: Block) -> None:
        text = "\n" * block.line + "\n".join(block.lines)
        output = io.StringIO()
        with inside(self.folder), contextlib.redirect_stdout(output):
            exec(compile(text, str(self.file), "exec", dont_inherit=True), self.module.__dict__)
        self.printed = (block.line + len(block.lines), output.getvalue())

    def _compare(self, block: Block) -> None:
        """A text block shows what the python block right above it printed."""
        end, got = self.printed
        if "".join(self.text.splitlines()[end + 1 : block.line - 1]).strip():
            return
        where, shown = f"{self.name}, line {block.line + 1}", "\n".join(block.lines)
        assert matches(block.lines, got.splitlines()), f"{where}\nshown:\n{shown}\ngot:\n{got}"

    def _run_session(self, block: Block) -> None:
        """A doctest in the namespace of the page's python blocks."""
        text = "\n".join(block.lines) + "\n"
        test = doctest.DocTestParser().get_doctest(text, {}, self.name, self.name, block.line)
        test.globs = self.module.__dict__
        said: list[str] = []
        with inside(self.folder):
            failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
                test, out=said.append, clear_globs=False
            )
        assert not failed, "".join(said)

    def _run_step(self, step: Step) -> None:
        where = f"{self.name}, line {step.line}: $ {step.command}"
        words = [] if "\n" in step.command else shlex.split(step.command, comments=True)
        if words[:1] == ["cd"]:
            self.folder = (self.folder / words[1]).resolve()
            assert self.folder.is_dir(), where
            return
        with inside(self.folder):
            code, got = headrace(words[1:]) if is_headrace(step.command, words) else shell(step.command)
        assert code == step.exits, f"{where}\nexit code {code}, not {step.exits}\n{got}"
        if step.shown:
            shown = "\n".join(step.shown)
            assert matches(step.shown, got.splitlines()), f"{where}\nshown:\n{shown}\ngot:\n{got}"


def is_headrace(command: str, words: list[str]) -> bool:
    """Whether a command is nothing but the command line, so that no process is needed for it."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\s# .*", "", command)
    return words[:1] == ["headrace"] and not _SHELL.search(bare) and not _EXPANDS.search(command)


def headrace(arguments: list[str]) -> tuple[int, str]:
    """The exit code and all output of the command line, as from a new process: declarations are imported anew."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), fresh_imports():
        try:
            code = main(arguments)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
    return code, output.getvalue()


def shell(command: str) -> tuple[int, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": path},
        timeout=120,
    )
    return done.returncode, done.stdout


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """`folder` as the working directory."""
    with contextlib.chdir(folder):
        yield


@contextlib.contextmanager
def fresh_imports() -> Iterator[None]:
    """Forget the declarations of other projects meanwhile, and the path they were found on."""

    def ours() -> dict[str, types.ModuleType]:
        return {name: one for name, one in sys.modules.items() if name.partition(".")[0] in PROJECT_PACKAGES}

    before, path, bytecode = ours(), [*sys.path], sys.dont_write_bytecode
    for name in before:
        del sys.modules[name]
    sys.dont_write_bytecode = True  # an edit within a second must not find stale bytecode
    try:
        yield
    finally:
        for name in ours():
            del sys.modules[name]
        sys.modules.update(before)
        sys.path[:] = path
        sys.dont_write_bytecode = bytecode
