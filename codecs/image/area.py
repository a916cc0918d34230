"""Rectangles, and the grid of tiles that a large picture is cut into."""

from __future__ import annotations

from typing import NamedTuple

Region = tuple[int, int, int, int]  # x, y, width, height in pixels


class Area(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right`, the last of each excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def meet(self, other: Area) -> Area:
        """What both cover; its height or width is not positive if that is nothing."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        return Area(top, left, min(self.bottom, other.bottom), min(self.right, other.right))

    def within(self, other: Area) -> Area:
        """The same, counted from the corner of `other`."""
        return Area(self.top - other.top, self.left - other.left, self.bottom - other.top, self.right - other.left)

    def times(self, scale: int) -> Area:
        return Area(*(scale * edge for edge in self))

    def over(self, scale: int) -> Area:
        """The smallest area that covers this one after `times(scale)`."""
        return Area(self.top // scale, self.left // scale, -(-self.bottom // scale), -(-self.right // scale))


class Grid:
    """A picture [height, width] cut into tiles, row by row; `halo`: what a transform sees around.

    No side of a tile is longer than `tile` (a multiple of 4), there are no more rows and columns than that takes, and
    all are as long as 4 ceil(side / 4 count), but for the last, which is what is left.
    """

    def __init__(self, size: tuple[int, int], tile: int, halo: int) -> None:
        self.whole = Area(0, 0, *size)
        self.halo = halo
        self._sides = height, width = _side(size[0], tile), _side(size[1], tile)
        self._columns = -(-size[1] // width)
        corners = [(top, left) for top in range(0, size[0], height) for left in range(0, size[1], width)]
        self.areas = [Area(top, left, top + height, left + width).meet(self.whole) for top, left in corners]

    def around(self, area: Area) -> Area:
        """The area with its halo, clipped at the edges of the picture."""
        n = self.halo
        return Area(area.top - n, area.left - n, area.bottom + n, area.right + n).meet(self.whole)

    def under(self, area: Area) -> list[int]:
        """The numbers of the tiles that an area of the picture touches."""
        height, width = self._sides
        rows = range(area.top // height, -(-area.bottom // height))
        columns = range(area.left // width, -(-area.right // width))
        return [row * self._columns + column for row in rows for column in columns]

    def path(self, area: Area) -> list[int]:
        """`under`, along the picture's shorter side first: the fewest tiles lie between neighbours."""
        numbers = self.under(area)
        if self.whole.width <= self.whole.height:
            return numbers
        return sorted(numbers, key=lambda number: (number % self._columns, number))


def region_area(region: Region, size: tuple[int, int]) -> Area:
    """Raises ValueError unless the region lies inside of a picture [H, W] and has pixels."""
    x, y, width, height = region
    area = Area(y, x, y + height, x + width)
    if width < 1 or height < 1 or area.meet(Area(0, 0, *size)) != area:
        raise ValueError(
            f"The region of {width} x {height} pixels at {x},{y} does not lie inside of the picture, "
            f"which has {size[1]} x {size[0]}."
        )
    return area


def _side(size: int, tile: int) -> int:
    count = -(-size // tile)
    return 4 * -(-size // (4 * count))  # hyper-latents stand for 4 x 4
