"""Transactions: the moves of refs that belong together, and which of them a rollback would undo.

The log of an environment is a stack of moves for each asset. A build or a promotion pushes; a rollback takes off what
it undoes, and says so in the log. So one rollback after another goes further back, and none merely undoes the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.store.refs import Refs


@dataclass(frozen=True)
class Move:
    """One move of one asset. `order` is its place in the log, `transaction` the run it belongs to."""

    order: int
    asset: str
    transaction: str
    at: str
    state: str
    before: str | None
    after: str | None
    undoes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transaction:
    """Moves of one run that still count. `at` is the time of the last, `states` what was done, in order."""

    name: str
    at: str
    states: tuple[str, ...]
    assets: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """Where a rollback takes an asset, and the transactions whose moves of it then no longer count."""

    version: str | None
    undoes: tuple[str, ...] = ()


class Log:
    """What has happened in one environment, and what of it still counts."""

    def __init__(self, refs: Refs) -> None:
        self.environment = refs.environment
        # In this order: a move that happens in between is then left out below, not taken for an older state.
        self.current = refs.current()
        self.moves = _moves(refs.history(), self.current)
        self._stacks = _stacks(self.moves)

    @property
    def assets(self) -> list[str]:
        """Every asset that is or was in the environment."""
        return sorted({*self.current, *(move.asset for move in self.moves)})

    def transactions(self, assets: Iterable[str] | None = None) -> list[Transaction]:
        """What a rollback of `assets` (by default all) would undo, the latest first."""
        chosen = self._stacks if assets is None else {one: self._stacks.get(one, []) for one in assets}
        counting = sorted((move for stack in chosen.values() for move in stack), key=lambda move: move.order)
        found: dict[str, list[Move]] = {}
        for move in counting:
            found.setdefault(move.transaction, []).append(move)
        made = [_transaction(name, moves) for name, moves in found.items()]
        last = {name: moves[-1].order for name, moves in found.items()}
        return sorted(made, key=lambda one: last[one.name], reverse=True)

    def before(self, transactions: Sequence[Transaction]) -> dict[str, Target]:
        """What was current before these `transactions`, the latest first, for each asset that they moved."""
        stacks = {asset: list(stack) for asset, stack in self._stacks.items()}
        targets: dict[str, Target] = {}
        for transaction in transactions:
            for asset in transaction.assets:
                stack = stacks[asset]
                first = next((n for n, move in enumerate(stack) if move.transaction == transaction.name), None)
                if first is None:
                    continue  # went with a later one that it was entangled with
                gone = targets[asset].undoes if asset in targets else ()
                undone = dict.fromkeys((*gone, *(move.transaction for move in reversed(stack[first:]))))
                targets[asset] = Target(stack[first].before, tuple(undone))
                del stack[first:]
        return targets

    def at(self, order: int, assets: Iterable[str]) -> dict[str, Target]:
        """What was current after the move `order` of the log (-1: before any), for those of `assets` moved since."""
        chosen = set(assets)
        first: dict[str, Move] = {}
        for move in self.moves:
            if move.order > order and move.asset in chosen:
                first.setdefault(move.asset, move)
        found = {}
        for asset, move in first.items():
            later = [one for one in self._stacks[asset] if one.order > order]
            found[asset] = Target(move.before, _undone(later, move.before))
        return found

    def to_version(self, asset: str, version: str) -> Target:
        """The way to a version of one asset: back, where it was current before, else a move as any other."""
        stack = self._stacks.get(asset, [])
        later = next((n for n in range(len(stack) - 1, -1, -1) if stack[n].before == version), None)
        return Target(version, () if later is None else _undone(stack[later:], version))


def _undone(moves: Sequence[Move], version: str | None) -> tuple[str, ...]:
    """The transactions of `moves`, the top of an asset's stack, when without them it stands at `version`."""
    if not moves or moves[0].before != version:
        return ()
    return tuple(dict.fromkeys(move.transaction for move in reversed(moves)))


def _transaction(name: str, moves: Sequence[Move]) -> Transaction:
    states = tuple(dict.fromkeys(move.state or "moved" for move in moves))
    return Transaction(name, moves[-1].at, states, tuple(sorted({move.asset for move in moves})))


def _moves(log: Sequence[Mapping[str, Any]], current: Mapping[str, str]) -> list[Move]:
    """The moves that came about: one is written down first, and a crash may then keep it from happening."""
    found: list[Move] = []
    then: dict[str, str | None] = {}
    for order in range(len(log) - 1, -1, -1):
        move = _move(order, log[order])
        after = then.get(move.asset, current.get(move.asset))
        if move.after != after and move.before == after:
            continue
        then[move.asset] = move.before
        found.append(move)
    return found[::-1]


def _move(order: int, line: Mapping[str, Any]) -> Move:
    return Move(
        order=order,
        asset=line["asset"],
        transaction=line.get("run_id") or line["at"],
        at=line["at"],
        state=line.get("state", ""),
        before=line["from"],
        after=line["to"],
        undoes=tuple(line.get("undoes", ())),
    )


def _stacks(moves: Iterable[Move]) -> dict[str, list[Move]]:
    """For each asset its moves that still count, the oldest first."""
    stacks: dict[str, list[Move]] = {}
    for move in moves:
        stack = stacks.setdefault(move.asset, [])
        if not move.undoes:
            stack.append(move)
        while move.undoes and stack and stack[-1].transaction in move.undoes:
            stack.pop()
    return stacks
