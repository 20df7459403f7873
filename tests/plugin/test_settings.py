"""Settings files: everything that is wrong is said at once, by file and key, with what was expected."""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from vk_core.errors import SettingsError, UsageError
from vk_core.plugin.settings import load_settings
from vk_core.provider import ProviderPlugin
from vk_core.provider.settings_types import Duration, Quantity, SecretText


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Range(msgspec.Struct, frozen=True):
    min: Duration
    max: Duration

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError("expected min to be at most max")


class Static(msgspec.Struct, tag="static", tag_field="kind"):
    address: str


class Dynamic(msgspec.Struct, tag="dynamic", tag_field="kind"):
    pool: int


class Pod(msgspec.Struct):
    cpu: Quantity
    name: Annotated[str, msgspec.Meta(min_length=3, pattern="^[a-z]+$")] = "pod"


class Settings(msgspec.Struct, rename={"max_pods": "max-pods"}):
    max_pods: Annotated[int, msgspec.Meta(ge=1, le=500)] = 10
    rate: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    delay: Duration | Range = dt.timedelta()
    pair: tuple[int, str] = (0, "")
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED
    network: Static | Dynamic | None = None
    verbose: bool = False
    since: dt.date | None = None
    pods: tuple[Pod, ...] = ()
    names: Annotated[list[str], msgspec.Meta(max_length=2)] = []
    labels: dict[str, str] = {}
    token: SecretText = ""
    size: int | str = 0
    anything: Any = None


def plugin(settings: type[msgspec.Struct] = Settings, check: Any = lambda _settings: []) -> ProviderPlugin[Any]:
    return ProviderPlugin(api=1, description="", settings=settings, create=lambda _context: None, check=check)  # type: ignore[arg-type, return-value]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, **options: Any) -> Any:
    file = Path("test.toml")
    file.write_text(text, encoding="utf-8")
    return load_settings("test", plugin(**options), file)


def problems(text: str, **options: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(text, **options)
    assert caught.value.exit_status == 2
    assert all(problem.startswith("test.toml") for problem in caught.value.problems)
    return [problem.removeprefix("test.toml: ") for problem in caught.value.problems]


def test_all_mistakes_of_a_file_are_told_at_once(folder: Path) -> None:
    text = """
        max-pods = 0
        moed = "slow"
        delay = "soon"
        [[pods]]
        cpu = "2"
        [[pods]]
        name = "B"
        cpus = 2
    """
    assert problems(text) == [
        "moed: unknown key, did you mean mode?",
        "max-pods: expected a whole number from 1 to 500, got 0",
        'delay: expected a duration such as 10s or 1m30s, got "soon"',
        "pods[1].cpus: unknown key, did you mean cpu?",
        "pods[1].cpu: missing, expected a quantity such as 4, 500m or 1.5Gi",
        'pods[1].name: expected text of at least 3 characters matching ^[a-z]+$, got "B"',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('max-pods = "3"', 'max-pods: expected a whole number from 1 to 500, got "3"'),
        ("max-pods = true", "max-pods: expected a whole number from 1 to 500, got true"),
        ("max-pods = 2.5", "max-pods: expected a whole number from 1 to 500, got 2.5"),
        ("max-pods = 99999999999999999999999", "max-pods: expected a whole number from 1 to 500, got 9999999999"),
        ("max_pods = 3", "max_pods: unknown key, did you mean max-pods?"),
        ("rate = 1.0", "rate: expected a number of at least 0 and below 1, got 1.0"),
        ("rate = nan", "rate: expected a number of at least 0 and below 1, got nan"),
        ("delay = -1", "delay: expected a duration such as 10s or 1m30s, got -1"),
        ("delay = true", "delay: expected a duration such as 10s or 1m30s, got true"),
        ("delay = []", "delay: expected a duration such as 10s or 1m30s or a table, got an array"),
        ('delay = {min = "1s"}', "delay.max: missing, expected a duration such as 10s or 1m30s"),
        ('delay = {min = "2s", max = "1s"}', "delay: expected min to be at most max"),
        ("pair = [1]", "pair: expected an array of 2 items, got one of 1"),
        ('pair = ["a", "b"]', 'pair[0]: expected a whole number, got "a"'),
        ('mode = "Fast"', 'mode: expected "fast" or "slow", got "Fast", did you mean "fast"?'),
        ("mode = 1", 'mode: expected "fast" or "slow", got 1'),
        ('colour = "green"', 'colour: expected "red" or "blue", got "green"'),
        ('network = {address = "x"}', 'network.kind: missing, expected "dynamic" or "static"'),
        ('network = {kind = "statik"}', 'network.kind: expected "dynamic" or "static", got "statik", did you mean'),
        ('network = {kind = "dynamic", pool = "x"}', 'network.pool: expected a whole number, got "x"'),
        ("network = 1", "network: expected a table, got 1"),
        ('verbose = "yes"', 'verbose: expected true or false, got "yes"'),
        ("since = 2026-13-01", "test.toml:1:13: not TOML: expected newline"),
        ('since = "now"', 'since: expected a date, got "now"'),
        ("since = 12:30:00", "since: expected a date, got 12:30:00"),
        ("pods = {}", "pods: expected an array, got a table"),
        ("pods = [1]", "pods[0]: expected a table, got 1"),
        ('pods = [{cpu = "-1"}]', 'pods[0].cpu: expected a quantity such as 4, 500m or 1.5Gi, got "-1"'),
        ('names = ["a", "b", "c"]', "names: expected an array of at most 2 items, got one of 3"),
        ("names = [1]", "names[0]: expected text, got 1"),
        ("labels = {a = 1}", "labels.a: expected text, got 1"),
        ('labels = {"a b" = 1}', 'labels."a b": expected text, got 1'),
        ("size = 1.5", "size: expected a whole number or text, got 1.5"),
        ("token = 12345", "token: expected text, got a value that is not shown"),
        ("[max-pods]", "max-pods: expected a whole number from 1 to 500, got a table"),
        ("mode = 'x'\nmode = 'y'", "test.toml:2:11: not TOML: cannot overwrite a value"),
        ("a = [", "test.toml:1:6: not TOML: invalid value"),
        ("a = " + "[" * 5000, "arrays or tables are nested too deeply"),
    ],
)
def test_a_mistake_is_told_by_its_key_with_what_was_expected(folder: Path, text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)


def test_good_settings_become_the_providers_own_type(folder: Path) -> None:
    settings = load(
        """
        max-pods = 500
        rate = 0
        delay = {min = "1m30s", max = 120}
        pair = [1, "x"]
        colour = "blue"
        network = {kind = "dynamic", pool = 3}
        since = 2026-11-21
        names = []
        size = "large"
        anything = {a = [1]}
        [[pods]]
        cpu = 2
        [[pods]]
        cpu = "1.5Gi"
        [labels]
        "a.b/c" = "d"
        """
    )
    assert settings == Settings(
        max_pods=500,
        delay=Range(min=dt.timedelta(seconds=90), max=dt.timedelta(minutes=2)),
        pair=(1, "x"),
        colour=Colour.BLUE,
        network=Dynamic(pool=3),
        since=dt.date(2026, 11, 21),
        size="large",
        anything={"a": [1]},
        pods=(Pod(cpu="2"), Pod(cpu="1.5Gi")),
        labels={"a.b/c": "d"},
    )


def test_text_may_come_from_the_environment_or_a_file_beside_the_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "conf").mkdir()
    (folder / "conf" / "secret").write_text("from file\n")
    monkeypatch.setenv("VK_TEST_SECRET", "from environment")
    file = Path("conf/test.toml")
    file.write_text(
        'token = {env = "VK_TEST_SECRET"}\nnames = [{file = "secret"}]\nsize = {file = "secret"}\n'
        '[labels]\na = {env = "VK_TEST_SECRET"}\n[[pods]]\ncpu = {env = "VK_TEST_CPU"}\n'
    )
    monkeypatch.setenv("VK_TEST_CPU", "500m")
    settings = load_settings("test", plugin(), file)
    assert settings == Settings(
        token="from environment",
        names=["from file"],
        size="from file",
        labels={"a": "from environment"},
        pods=(Pod(cpu="500m"),),
    )


def test_what_a_secret_should_come_from_is_missed_by_name(folder: Path) -> None:
    (folder / "latin").write_bytes(b"\xff")
    text = """
        token = {env = "VK_TEST_UNSET"}
        names = [{file = "gone"}, {env = 3}]
        size = {file = "latin"}
        [labels]
        folder = {file = "."}
        both = {env = "A", file = "b"}
    """
    assert problems(text) == [
        "names[0]: file gone cannot be read: No such file or directory",
        "names[1].env: expected the name of an environment variable, got 3",
        "labels.folder: file . cannot be read: Is a directory",
        "labels.both: expected text, got a table",
        "token: environment variable VK_TEST_UNSET is not set",
        "size: file latin is not UTF-8 text",
    ]


def test_a_secret_is_never_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Picky(msgspec.Struct):
        short: Annotated[SecretText, msgspec.Meta(max_length=3)] = ""
        word: Literal["a", "b"] = "a"
        name: Annotated[str, msgspec.Meta(max_length=3)] = ""
        wait: Duration = dt.timedelta()

    monkeypatch.setenv("VK_TEST_SECRET", "hunter22")
    told = problems(
        'short = "hunter22"\nname = {env = "VK_TEST_SECRET"}\nwait = {env = "VK_TEST_SECRET"}\n', settings=Picky
    )
    assert told == [
        "short: expected text of at most 3 characters, got a value that is not shown",
        "name: expected text of at most 3 characters, got something else in environment variable VK_TEST_SECRET",
        "wait: expected a duration such as 10s or 1m30s, got something else in environment variable VK_TEST_SECRET",
    ]
    told = problems('token = {env = "VK_TEST_SECRET"}', check=lambda settings: [f"token: {settings.token} is bad"])
    assert told == ["token: *** is bad"]


def test_the_providers_own_check_sees_only_settings_of_the_right_types(folder: Path) -> None:
    assert problems("rate = 0.5", check=lambda settings: [f"rate: {settings.rate} is too much"]) == [
        "rate: 0.5 is too much"
    ]
    assert problems("rate = 'x'", check=lambda _settings: pytest.fail("checked")) == [
        'rate: expected a number of at least 0 and below 1, got "x"'
    ]


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings("test", plugin(), None) == Settings()


def test_without_a_file_the_providers_check_still_speaks() -> None:
    with pytest.raises(SettingsError, match=r"^default settings of test: rate: bad$"):
        load_settings("test", plugin(check=lambda _settings: ["rate: bad"]), None)


def test_a_provider_with_required_keys_asks_for_a_file() -> None:
    with pytest.raises(UsageError, match=r"^--provider-config: provider 'test' needs a settings file with cpu \(a qu"):
        load_settings("test", plugin(Pod), None)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda path: None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(lambda path: path.mkdir(), "cannot be read: Is a directory", id="directory"),
        pytest.param(
            lambda path: path.write_bytes(b"a = 1\n\xff"), "2: expected UTF-8 text, got byte 0xff", id="binary"
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: Any, problem: str) -> None:
    file = tmp_path / "mock.toml"
    make(file)
    with pytest.raises(SettingsError) as caught:
        load_settings("test", plugin(), file)
    (line,) = caught.value.problems
    assert line.startswith(f"{file}:") and line.endswith(problem)
