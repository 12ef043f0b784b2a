"""Images of COCO files: what can be used of them, whole columns at a time, as each would be by itself."""

from __future__ import annotations

from typing import Any

from evalstream.importers.coco_images import image_key, read_images
from evalstream.importers.coco_records import ImageRecord
from evalstream.scenes import row_order
from hypothesis import example, given
from hypothesis import strategies as st

WHOLE = st.integers(-(10**19), 10**19)
IDS = st.lists(st.one_of(WHOLE, st.integers(-3, 3), st.text("a0-1 ", min_size=1, max_size=3), st.just(2.0)), max_size=6)
SIZES = st.sampled_from([None, 640, 1, 0, -4, 640.0, 640.5, 2**31, 2**31 - 1, float("inf"), float("nan"), "640", True])
TEXTS = st.sampled_from([None, "", "a.jpg", "a\nb", "x" * 1024, "x" * 1025, "y" * 4097, 7])


@st.composite
def images(draw: st.DrawFn) -> list[ImageRecord]:
    usual = draw(st.booleans())
    size, text = (st.integers(1, 99), st.just("a.jpg")) if usual else (SIZES, TEXTS)
    return [ImageRecord(one, draw(size), draw(size), draw(text), draw(text)) for one in draw(IDS)]


def usable_size(given: Any) -> bool:
    return isinstance(given, int | float) and 0 < given < 2**31 and given == int(given)


def usable_text(given: Any, longest: int, *, control: bool) -> bool:
    return isinstance(given, str) and len(given) <= longest and (control or all(one.isprintable() for one in given))


@given(images())
@example([ImageRecord(10, 4, 4, "b", ""), ImageRecord(9, 4, 4, "a", ""), ImageRecord(10, 5, 4, "c", "")])
def test_columns_hold_what_each_image_would_give_alone(records: list[ImageRecord]) -> None:
    notes: list[str] = []
    read = read_images("gt.json", records, "id", notes)
    last = {image_key(one.id): one for one in records}
    assert read.data_row == sorted(last, key=row_order)
    left_out = 0
    for i, name in enumerate(read.data_row):
        image = last[name]
        assert read.place[name] == read.place[image.id] == i
        for column, given_size in ((read.width, image.width), (read.height, image.height)):
            assert column[i] == (given_size if usable_size(given_size) else 0)
            assert isinstance(column[i], int)
            left_out += given_size is not None and not usable_size(given_size)
        for texts, given_text, longest, control in (
            (read.file_name, image.file_name, 1024, True),
            (read.media_url, image.coco_url, 4096, False),
        ):
            fine = usable_text(given_text, longest, control=control)
            assert texts[i] == (given_text if fine else "")
            left_out += given_text is not None and not fine
    assert notes == (
        [f"Of the images, {left_out:,} of width, height, file_name and coco_url cannot be used."] if left_out else []
    )
