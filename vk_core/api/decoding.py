"""Decodes objects as the API server writes them, in which `null` stands for what is not there.

Go writes a list or map that was never made as `null` unless the API says to leave it out: a pod with `projected: {}`
comes back with `sources: null`. It is rare, so only what does not fit is looked at again without its nulls.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

Decoded = TypeVar("Decoded")


class ObjectDecoder(Generic[Decoded]):
    """Decodes one type.

    Args:
        kind: the type.
    """

    __slots__ = ("_strict",)

    def __init__(self, kind: type[Decoded]) -> None:
        self._strict = msgspec.json.Decoder(kind)

    def decode(self, data: bytes | msgspec.Raw) -> Decoded:
        """The object.

        Raises:
            msgspec.DecodeError: it is not JSON.
            msgspec.ValidationError: it does not fit the type.
        """
        try:
            return self._strict.decode(data)
        except msgspec.ValidationError as error:
            try:
                slim = msgspec.json.encode(_without_nulls(msgspec.json.decode(data)))
            except RecursionError:
                raise error from None
            return self._strict.decode(slim)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}
    return [_without_nulls(entry) for entry in value] if isinstance(value, list) else value
