"""An answer from pieces: one gzip stream, whatever order they are put in."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.prometheus.packing import Gzip, Plain, joined

TEXTS = st.lists(st.binary() | st.sampled_from([b"dialtone_calls_total 1.0\n" * 4_000]), max_size=6)
WHOLE_STREAM = 31
"""The bits of zlib's window that ask for gzip."""


@pytest.mark.parametrize("packing", [Gzip(), Plain()], ids=["gzip", "as it is"])
@given(data=st.data(), texts=TEXTS)
def test_pieces_may_be_put_together_in_any_order(
    packing: Gzip | Plain, data: st.DataObject, texts: list[bytes]
) -> None:
    pieces = [packing.pack(text) for text in texts]
    order = data.draw(st.permutations(range(len(texts))))
    body = b"".join(packing.whole([pieces[place] for place in order]))
    unpacked = gzip.decompress(body) if isinstance(packing, Gzip) else body
    assert unpacked == b"".join([texts[place] for place in order])


def test_all_pieces_are_one_member_for_clients_that_read_only_one() -> None:
    packing = Gzip()
    stream = zlib.decompressobj(WHOLE_STREAM)
    text = stream.decompress(b"".join(packing.whole([packing.pack(b"one "), packing.pack(b"two")])))
    assert (text, stream.eof, stream.unused_data) == (b"one two", True, b"")


@given(parts=st.lists(st.binary(max_size=9), max_size=12))
def test_small_parts_are_joined_and_large_ones_are_sent_as_they_are(parts: list[bytes]) -> None:
    sent = list(joined(parts, size=5))
    assert b"".join(sent) == b"".join(parts)
    assert all(len(part) >= 5 for part in sent[:-1])
    assert next(joined([large := b"large enough", b"end"], size=5)) is large
