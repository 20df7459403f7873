"""A provider's settings: from a TOML file to the typed struct that the provider declares.

All mistakes of a file are reported together, one line each, as `mock.toml: pods[0].cpu: expected ..., got ...`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomli

from vk_core.errors import SettingsError, UsageError
from vk_core.plugin.building import BAD, Builder
from vk_core.plugin.wording import expected
from vk_core.provider.plugin import ProviderPlugin

Settings = TypeVar("Settings", bound=msgspec.Struct)


def load_settings(provider: str, plugin: ProviderPlugin[Settings], file: Path | None) -> Settings:
    """Reads and checks the settings of a provider.

    Args:
        provider: its name, for messages.
        plugin: what its package declares.
        file: the TOML file of `--provider-config`; None takes the defaults.

    Raises:
        SettingsError: the file has mistakes; every one of them is in it.
        UsageError: there is no file, but the provider has keys without a default.
    """
    if file is None:
        _require_defaults(provider, plugin.settings)
    builder = Builder(Path.cwd() if file is None else file.parent)
    settings = builder.build(plugin.settings, {} if file is None else read_toml(file))
    problems = builder.problems if settings is BAD else [builder.hide(line) for line in plugin.check(settings)]
    if problems:
        source = f"default settings of {provider}" if file is None else str(file)
        raise SettingsError([f"{source}: {problem}" for problem in problems])
    loaded: Settings = settings
    return loaded


def _require_defaults(provider: str, settings: type[msgspec.Struct]) -> None:
    required = [field for field in msgspec.structs.fields(settings) if field.required]
    if required:
        keys = ", ".join(f"{field.encode_name} ({expected(field.type)})" for field in required)
        raise UsageError(f"--provider-config: provider {provider!r} needs a settings file with {keys}")


def read_toml(file: Path) -> dict[str, Any]:
    """The document in a TOML file.

    Raises:
        SettingsError: it cannot be read or is not TOML; the line says where.
    """
    try:
        return tomli.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            [f"{file}:{line}: expected UTF-8 text, got byte 0x{error.object[error.start]:02x}"]
        ) from error
    except tomli.TOMLDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        raise SettingsError([f"{file}:{error.lineno}:{error.colno}: not TOML: {message}"]) from error
    except RecursionError as error:
        raise SettingsError([f"{file}: arrays or tables are nested too deeply"]) from error
