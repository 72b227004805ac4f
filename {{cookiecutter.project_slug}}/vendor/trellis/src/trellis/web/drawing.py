"""Where boxes and arrows stand in a picture of who uses whom: users above, what they use below.

A *slot* is a place in a row: that of a box, or the gap through which all arrows to one box pass the
row. Slots are ordered so that few arrows cross.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import accumulate, pairwise
from statistics import fmean
from typing import NamedTuple

Pair = tuple[str, str]  # the name of a box, and of one that it uses
Slot = tuple[
    int, str
]  # the number of a row, and the box that is there or to which arrows pass there

BOX_WIDTH, BOX_HEIGHT, GAP_WIDTH = 216, 96, 12  # as in map.svg
SPACE, ROW_SPACE, MARGIN = 36, 88, 16
LEGEND_WIDTH, LEGEND_HEIGHT = 352, 64
SWEEPS = 12


class Drawing(NamedTuple):
    """Lengths are pixels from the upper left corner."""

    width: int
    height: int
    legend: int
    boxes: dict[str, tuple[int, int]]
    arrows: dict[Pair, str]  # what an SVG path has as its `d`


def draw(*, names: Collection[str], uses: Sequence[Pair]) -> Drawing:
    """Place all boxes and arrows. The same arguments give the same drawing.

    Arrows go down. In a circle, the one that is last in `uses` goes up.
    """
    rows = _rows(names, uses)
    row_of = {name: number for number, row in enumerate(rows) for name in row}
    routes = {}
    for name, other in sorted(uses):
        top, bottom = sorted((name, other), key=lambda each: row_of[each])
        between = [(row, other) for row in range(row_of[top] + 1, row_of[bottom])]
        slots = [(row_of[top], top), *between, (row_of[bottom], bottom)]
        routes[name, other] = slots if name == top else slots[::-1]
    lines: list[list[Slot]] = [[(number, name) for name in row] for number, row in enumerate(rows)]
    for slot in sorted({slot for route in routes.values() for slot in route[1:-1]}):
        lines[slot[0]].append(slot)
    middles = _arrange(lines, row_of, routes)
    left = min(middles.values(), default=0) - BOX_WIDTH / 2
    right = max(middles.values(), default=0) + BOX_WIDTH / 2
    width = math.ceil(max(LEGEND_WIDTH, right - left)) + 2 * MARGIN
    x_of = {slot: round(x + (width - left - right) / 2) for slot, x in middles.items()}
    tops = [MARGIN + number * (BOX_HEIGHT + ROW_SPACE) for number in range(len(rows) + 1)]
    legend = tops[-1] - ROW_SPACE + 3 * MARGIN
    boxes = {name: (x_of[row, name] - BOX_WIDTH // 2, tops[row]) for name, row in row_of.items()}
    return Drawing(width, legend + LEGEND_HEIGHT, legend, boxes, _arrows(routes, x_of, tops))


def _rows(names: Collection[str], uses: Sequence[Pair]) -> list[list[str]]:
    """Return the names in rows, each above all that it uses, unless in a circle."""
    graph = {name: sorted(other for user, other in uses if user == name) for name in sorted(names)}
    order: list[str] = []
    while not order and graph:
        try:
            order = [*TopologicalSorter(graph).static_order()]
        except CycleError as error:
            circle = [(user, other) for other, user in pairwise(error.args[1])]
            user, other = max(circle, key=uses.index)
            graph[user].remove(other)
    height: dict[str, int] = {}
    for name in order:
        height[name] = max((height[other] + 1 for other in graph[name]), default=0)
    longest = max(5, math.isqrt(2 * len(names)))
    rows = []
    for level in sorted({*height.values()}, reverse=True):
        row = [name for name in graph if height[name] == level]
        rows += [row[start : start + longest] for start in range(0, len(row), longest)]
    return rows


def _arrange(
    lines: list[list[Slot]], row_of: dict[str, int], routes: dict[Pair, list[Slot]]
) -> dict[Slot, float]:
    """Sort each line, so that slots stand near those they are connected to; return each one's x."""
    near: defaultdict[Slot, tuple[set[Slot], set[Slot]]] = defaultdict(lambda: (set(), set()))
    for upper, lower in (sorted(pair) for route in routes.values() for pair in pairwise(route)):
        near[lower][0].add(upper)
        near[upper][1].add(lower)
    x_of: dict[Slot, float] = {}

    def place(line: list[Slot]) -> None:
        widths = [BOX_WIDTH if row_of[name] == row else GAP_WIDTH for row, name in line]
        ends = [*accumulate(width + SPACE for width in widths)]
        for slot, width, end in zip(line, widths, ends, strict=True):
            x_of[slot] = end - SPACE - width / 2 - (ends[-1] - SPACE) / 2

    def wanted(slot: Slot, side: int) -> float:
        return fmean([x_of[one] for one in near[slot][side]] or [x_of[slot]])

    for line in lines:
        place(line)
    for sweep in range(SWEEPS):
        side = sweep % 2  # what is above counts, then what is below
        for line in reversed(lines) if side else lines:
            line.sort(key=lambda slot, side=side: (wanted(slot, side), slot))  # type: ignore[misc]
            place(line)
    for line in lines[1:]:  # move each row as a whole
        shift = fmean(wanted(slot, 0) - x_of[slot] for slot in line)
        x_of |= {slot: x_of[slot] + shift for slot in line}
    return x_of


def _arrows(
    routes: dict[Pair, list[Slot]], x_of: dict[Slot, int], tops: list[int]
) -> dict[Pair, str]:
    """Return each arrow as a path. At a box they stand side by side, sorted by where they go."""
    sides: dict[tuple[Slot, bool], list[tuple[int, Pair]]] = {}  # the upper and lower one of a box
    for pair, route in routes.items():
        for slot, beside in ((route[0], route[1]), (route[-1], route[-2])):
            sides.setdefault((slot, beside < slot), []).append((x_of[beside], pair))
    at: dict[tuple[Pair, Slot], int] = {}
    for (slot, _), found in sides.items():
        for number, (_, pair) in enumerate(sorted(found), 1):
            share = number / (len(found) + 1) - 0.5
            at[pair, slot] = x_of[slot] + round(share * 0.8 * BOX_WIDTH)
    arrows = {}
    for pair, route in routes.items():
        stops = [(at.get((pair, slot), x_of[slot]), tops[slot[0]]) for slot in route]
        down = BOX_HEIGHT if stops[1][1] > stops[0][1] else 0
        path = f"M{stops[0][0]} {stops[0][1] + down}"
        for (x1, y1), (x2, y2) in pairwise(stops):
            begin, end = y1 + down, y2 + BOX_HEIGHT - down
            middle = (begin + end) // 2
            path += f"L{x1} {begin}C{x1} {middle} {x2} {middle} {x2} {end}"
        arrows[pair] = path
    return arrows
