"""A container's environment has every variable that kubelet would give it, or says what is missing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.container import (
    ConfigMapEnvSource,
    ConfigMapKeySelector,
    Container,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    ResourceRequirements,
    SecretEnvSource,
    SecretKeySelector,
)
from vk_core.api.meta import ObjectMeta
from vk_core.api.pod import Pod, PodSpec
from vk_core.api.volumes import ObjectFieldSelector, ResourceFieldSelector
from vk_core.materials.environment.resolution import Resolved, env_files_of, resolve_environment
from vk_core.materials.objects import Absent, KeyedObject, Notice, PodFacts, Ref, Unreadable

CONFIG = KeyedObject(
    Ref("ConfigMap", "shop", "config"),
    {"zone": b"eu", "a.b-c": b"dots", "blob": b"\x00"},
    binary=frozenset({"blob"}),
)
SECRET = KeyedObject(Ref("Secret", "shop", "secret"), {"password": b"hunter2", "raw": b"\xff"})
REFUSED = Unreadable(Ref("Secret", "shop", "refused"), "secrets is forbidden")
OBJECTS = {known.ref: known for known in (CONFIG, SECRET, REFUSED)}


def resolve(
    *env: EnvVar,
    env_from: tuple[EnvFromSource, ...] = (),
    pod_ips: tuple[str, ...] = ("10.1.2.3",),
    services: Mapping[str, str] | None = None,
    files: Mapping[tuple[str, str], bytes | str] | None = None,
    objects: Mapping[Ref, KeyedObject | Unreadable] = OBJECTS,
) -> Resolved:
    resources = ResourceRequirements(limits={"cpu": "250m"})
    container = Container(name="app", env=env, env_from=env_from, resources=resources)
    pod = Pod(metadata=ObjectMeta(name="web-0", namespace="shop"), spec=PodSpec(containers=(container,)))
    facts = PodFacts(pod, pod_ips=pod_ips, host_ips=("192.0.2.7",))

    def lookup(ref: Ref) -> KeyedObject | Absent | Unreadable:
        assert ref.name, "nobody follows an object without a name"
        return objects.get(ref, Absent(ref))

    return resolve_environment(container, facts, lookup, services or {}, files or {})


def variables(resolved: Resolved) -> dict[str, str]:
    assert resolved.environment is not None, resolved.missing
    return dict(resolved.environment)


def config_map(name: str = "config", prefix: str = "", *, optional: bool | None = None) -> EnvFromSource:
    return EnvFromSource(prefix=prefix, config_map_ref=ConfigMapEnvSource(name=name, optional=optional))


def secret(name: str = "secret", prefix: str = "", *, optional: bool | None = None) -> EnvFromSource:
    return EnvFromSource(prefix=prefix, secret_ref=SecretEnvSource(name=name, optional=optional))


def from_config_map(name: str, key: str, *, optional: bool | None = None) -> EnvVar:
    selector = ConfigMapKeySelector(name=name, key=key, optional=optional)
    return EnvVar(name="E", value_from=EnvVarSource(config_map_key_ref=selector))


def from_secret(name: str, key: str, *, optional: bool | None = None) -> EnvVar:
    selector = SecretKeySelector(name=name, key=key, optional=optional)
    return EnvVar(name="E", value_from=EnvVarSource(secret_key_ref=selector))


def from_file(key: str, *, optional: bool | None = None, name: str = "E") -> EnvVar:
    selector = FileKeySelector(volume_name="shared", path="conf/app.env", key=key, optional=optional)
    return EnvVar(name=name, value_from=EnvVarSource(file_key_ref=selector))


def from_field(name: str, path: str) -> EnvVar:
    return EnvVar(name=name, value_from=EnvVarSource(field_ref=ObjectFieldSelector(field_path=path)))


def test_whole_objects_give_all_their_keys_but_binary_ones() -> None:
    resolved = resolve(env_from=(config_map(), secret(prefix="S_")))
    assert variables(resolved) == {"a.b-c": "dots", "zone": "eu", "S_password": "hunter2", "S_raw": "\udcff"}
    assert resolved.notices == ()


def test_variables_come_in_the_order_of_their_definition_with_sorted_keys_and_services_last() -> None:
    resolved = resolve(
        EnvVar(name="LAST", value="1"),
        EnvVar(name="AND", value="2"),
        env_from=(config_map(), secret(prefix="A_")),
        services={"Z_SERVICE_HOST": "10.0.0.1", "B_SERVICE_HOST": "10.0.0.2"},
    )
    names = ["a.b-c", "zone", "A_password", "A_raw", "LAST", "AND", "Z_SERVICE_HOST", "B_SERVICE_HOST"]
    assert list(variables(resolved)) == names


def test_a_later_definition_wins_and_services_never_do() -> None:
    objects = OBJECTS | {
        Ref("ConfigMap", "shop", "other"): replace(CONFIG, data={"zone": b"us", "x": b"1", "S": b"own"})
    }
    resolved = resolve(
        EnvVar(name="x", value="2$(S)"),
        EnvVar(name="x", value="$(x)3"),
        env_from=(config_map(), config_map("other")),
        services={"S": "service"},
        objects=objects,
    )
    assert variables(resolved) == {"a.b-c": "dots", "zone": "us", "x": "2own3", "S": "own"}


def test_a_text_refers_to_what_stands_before_it_and_to_services() -> None:
    resolved = resolve(
        EnvVar(name="EARLY", value="$(LATE) $(zone) $(S) $$(zone)"),
        EnvVar(name="LATE", value="$(EARLY)!"),
        EnvVar(name="S", value="own"),
        EnvVar(name="AGAIN", value="$(S)"),
        env_from=(config_map(),),
        services={"S": "service"},
    )
    found = variables(resolved)
    assert found["EARLY"] == "$(LATE) eu service $(zone)"
    assert found["LATE"] == "$(LATE) eu service $(zone)!"
    assert found["AGAIN"] == "own"


def test_a_variable_gets_its_value_from_any_source_as_it_is() -> None:
    limit = ResourceFieldSelector(resource="limits.cpu", divisor="1m")
    resolved = resolve(
        replace_name(from_config_map("config", "zone"), "CONFIG"),
        replace_name(from_secret("secret", "password"), "SECRET"),
        from_field("NAME", "metadata.name"),
        EnvVar(name="LIMIT", value_from=EnvVarSource(resource_field_ref=limit)),
        from_file("$(NAME)", name="FILE"),
        EnvVar(name="EMPTY"),
        files={("shared", "conf/app.env"): b"$(NAME)='$(NAME)'"},
    )
    assert variables(resolved) == {
        "CONFIG": "eu",
        "SECRET": "hunter2",
        "NAME": "web-0",
        "LIMIT": "250",
        "FILE": "$(NAME)",
        "EMPTY": "",
    }


def replace_name(variable: EnvVar, name: str) -> EnvVar:
    return EnvVar(name=name, value_from=variable.value_from)


GONE, NO_KEY = 'configmap "gone" not found', 'key "none" does not exist in configmap "config"'
NOT_IN_MAP, NOT_IN_SECRET = (
    "couldn't find key {} in ConfigMap shop/config",
    "couldn't find key {} in Secret shop/secret",
)
SKIPPED = 'skipping optional envvar "E": '
FORBIDDEN = 'failed to read secret "refused": secrets is forbidden'


@pytest.mark.parametrize(
    ("source", "notice", "missing"),
    [
        pytest.param(config_map("gone"), ("MandatoryConfigMapNotFound", GONE), GONE, id="config map"),
        pytest.param(
            config_map("gone", optional=True), ("OptionalConfigMapNotFound", GONE), "", id="optional config map"
        ),
        pytest.param(
            secret("gone"),
            ("MandatorySecretNotFound", 'secret "gone" not found'),
            'secret "gone" not found',
            id="secret",
        ),
        pytest.param(
            secret("gone", optional=True),
            ("OptionalSecretNotFound", 'secret "gone" not found'),
            "",
            id="optional secret",
        ),
        pytest.param(from_config_map("gone", "k"), ("MandatoryConfigMapNotFound", GONE), GONE, id="of a config map"),
        pytest.param(
            from_config_map("gone", "k", optional=True),
            ("OptionalConfigMapNotFound", SKIPPED + GONE),
            "",
            id="optional of a config map",
        ),
        pytest.param(
            from_config_map("config", "none"),
            ("MandatoryConfigMapKeyNotFound", NO_KEY),
            NOT_IN_MAP.format("none"),
            id="key",
        ),
        pytest.param(
            from_config_map("config", "none", optional=True),
            ("OptionalConfigMapKeyNotFound", SKIPPED + NO_KEY),
            "",
            id="optional key",
        ),
        pytest.param(
            from_config_map("config", "blob"),
            ("MandatoryConfigMapKeyNotFound", NO_KEY.replace("none", "blob")),
            NOT_IN_MAP.format("blob"),
            id="binary key",
        ),
        pytest.param(
            from_secret("secret", "k"),
            ("MandatorySecretKeyNotFound", 'key "k" does not exist in secret "secret"'),
            NOT_IN_SECRET.format("k"),
            id="key of a secret",
        ),
        pytest.param(
            from_secret("secret", "k", optional=True),
            ("OptionalSecretKeyNotFound", SKIPPED + 'key "k" does not exist in secret "secret"'),
            "",
            id="optional key of a secret",
        ),
        pytest.param(secret("refused"), ("FailedToReadMandatorySecret", FORBIDDEN), FORBIDDEN, id="unreadable"),
        pytest.param(
            from_secret("refused", "k", optional=True),
            ("FailedToReadOptionalSecret", FORBIDDEN),
            FORBIDDEN,
            id="unreadable is not known to be absent",
        ),
        pytest.param(
            config_map(""),
            ("MandatoryConfigMapNotFound", 'configmap "" not found'),
            'configmap "" not found',
            id="nameless",
        ),
    ],
)
def test_what_is_not_there_is_reported_and_missing_unless_it_is_optional(
    source: EnvVar | EnvFromSource, notice: tuple[str, str], missing: str
) -> None:
    before = EnvVar(name="KEPT", value="1")
    resolved = resolve(before, source) if isinstance(source, EnvVar) else resolve(before, env_from=(source,))
    assert resolved.notices == (Notice(*notice),)
    assert resolved.missing == missing
    assert resolved.environment == ({"KEPT": "1"} if not missing else None)


def test_an_optional_variable_that_is_skipped_leaves_an_earlier_one_of_its_name() -> None:
    resolved = resolve(EnvVar(name="E", value="default"), from_secret("gone", "k", optional=True))
    assert variables(resolved) == {"E": "default"}


def test_keys_that_cannot_be_names_are_left_out_with_one_warning() -> None:
    data = {"ok": b"1", "a=b": b"2", "é": b"3", "": b"4", "spaces and : too": b"5", "line\n": b"6"}
    odd = replace(CONFIG, ref=Ref("ConfigMap", "shop", "odd"), data=data)
    resolved = resolve(env_from=(config_map("odd"),), objects={odd.ref: odd})
    assert variables(resolved) == {"ok": "1", "spaces and : too": "5"}
    assert resolved.notices == (
        Notice(
            "InvalidEnvironmentVariableNames",
            r"keys [, a=b, line\n, é] from configmap shop/odd were skipped since they are invalid as environment "
            "variable names",
        ),
    )
    prefixed = resolve(env_from=(config_map("odd", prefix="P_"),), objects={odd.ref: odd})
    assert variables(prefixed) == {"P_": "4", "P_ok": "1", "P_spaces and : too": "5"}


def test_variables_that_need_an_unknown_address_are_left_out_and_listed_with_those_that_refer_to_them() -> None:
    env = (
        EnvVar(name="IP", value="0.0.0.0"),
        from_field("IP", "status.podIP"),
        EnvVar(name="URL", value="http://$(IP):80"),
        EnvVar(name="LINK", value="<$(URL)>"),
        EnvVar(name="ESCAPED", value="$$(IP)"),
        from_field("HOST", "status.hostIP"),
        from_field("AGAIN", "status.podIPs"),
        EnvVar(name="AGAIN", value="known"),
        EnvVar(name="USES", value="$(AGAIN)"),
    )
    resolved = resolve(*env, pod_ips=(), services={"IP": "service", "OTHER": "1"})
    assert variables(resolved) == {
        "ESCAPED": "$(IP)",
        "HOST": "192.0.2.7",
        "AGAIN": "known",
        "USES": "known",
        "OTHER": "1",
    }
    assert resolved.environment is not None
    assert resolved.environment.awaiting_address == ("IP", "URL", "LINK")
    told = resolve(*env, pod_ips=("10.1.2.3", "fd00::3"))
    assert variables(told)["LINK"] == "<http://10.1.2.3:80>"
    assert told.environment is not None
    assert told.environment.awaiting_address == ()


@pytest.mark.parametrize(
    ("variable", "missing"),
    [
        pytest.param(
            from_field("E", "spec.hostname"),
            'unsupported field path "spec.hostname" for an environment variable',
            id="field",
        ),
        pytest.param(
            EnvVar(name="E", value_from=EnvVarSource(resource_field_ref=ResourceFieldSelector(resource="limits.gpu"))),
            "unsupported container resource: limits.gpu",
            id="resource",
        ),
    ],
)
def test_a_reference_that_cannot_be_is_missing_by_name(variable: EnvVar, missing: str) -> None:
    assert resolve(variable) == Resolved(None, (Notice("Failed", f"Error: {missing}"),), missing)


FILE = 'file "conf/app.env" of volume "shared"'


@pytest.mark.parametrize(
    ("content", "missing", "missing_if_optional"),
    [
        pytest.param("", f"env {FILE} not found", "", id="no file"),
        pytest.param(b"OTHER='1'", f'environment variable key "KEY" not found in {FILE}', "", id="no key"),
        pytest.param(b"", f'environment variable key "KEY" not found in {FILE}', "", id="empty file"),
        pytest.param(
            b"KEY='1'\nhunter2",
            f"couldn't parse env {FILE}: line 2: expected NAME='value'",
            f"couldn't parse env {FILE}: line 2: expected NAME='value'",
            id="no env file",
        ),
        pytest.param(
            "permission denied",
            f"couldn't read env {FILE}: permission denied",
            f"couldn't read env {FILE}: permission denied",
            id="unreadable",
        ),
    ],
)
def test_an_env_file_that_does_not_have_the_key_is_missing_unless_optional(
    content: bytes | str, missing: str, missing_if_optional: str
) -> None:
    files = {("shared", "conf/app.env"): content}
    assert resolve(from_file("KEY"), files=files) == Resolved(None, (Notice("Failed", f"Error: {missing}"),), missing)
    assert resolve(from_file("KEY", optional=True), files=files).missing == missing_if_optional


def test_an_empty_value_in_an_env_file_is_a_value() -> None:
    resolved = resolve(from_file("KEY"), files={("shared", "conf/app.env"): b"KEY=''"})
    assert variables(resolved) == {"E": ""}


def test_the_files_that_have_to_be_read_are_named_once() -> None:
    other = EnvVar(name="O", value_from=EnvVarSource(file_key_ref=FileKeySelector(volume_name="shared", path="b")))
    container = Container(env=(EnvVar(name="A", value="1"), from_file("K"), other, from_file("L")))
    assert env_files_of(container) == (("shared", "conf/app.env"), ("shared", "b"))


def test_no_value_is_shown_by_what_is_returned() -> None:
    resolved = resolve(from_secret("secret", "password"), EnvVar(name="URL", value="db:$(E)"), env_from=(secret(),))
    assert "hunter2" not in repr(resolved)
    assert "URL" in repr(resolved)


class Entry(NamedTuple):
    """What the plain model keeps of a definition; no value while it waits for an address."""

    name: str
    value: str | None


def model(env_from: list[tuple[str, dict[str, str]]], env: list[EnvVar], services: dict[str, str]) -> list[Entry]:
    """The documentation as a history of definitions, in which the newest one of a name counts."""
    history = [Entry(prefix + key, data[key]) for prefix, data in env_from for key in data]

    def newest(name: str) -> Entry | None:
        own = [entry for entry in history if entry.name == name]
        return own[-1] if own else Entry(name, services[name]) if name in services else None

    for variable in env:
        if variable.value_from is not None:
            history.append(Entry(variable.name, None))
            continue
        # the texts below are made of whole tokens, so they can be taken apart again by a separator
        found = [newest(token[2:-1]) for token in variable.value.split("|") if token.startswith("$(")]
        if any(entry is not None and entry.value is None for entry in found):
            history.append(Entry(variable.name, None))
            continue
        tokens = []
        for token in variable.value.split("|"):
            entry = newest(token[2:-1]) if token.startswith("$(") else None
            tokens.append(token if entry is None or entry.value is None else entry.value)
        history.append(Entry(variable.name, "|".join(tokens).replace("$$", "$")))
    names = dict.fromkeys([entry.name for entry in history] + list(services))
    return [entry for name in names if (entry := newest(name)) is not None]


NAMES = st.sampled_from(["A", "B", "C"])
TOKENS = st.one_of(NAMES.map("$({})".format), st.sampled_from(["x", "$$", "", "$(NONE)", "(A)"]))
TEXTS = st.lists(TOKENS, min_size=1, max_size=3).map("|".join)
DATA = st.dictionaries(NAMES, st.sampled_from(["1", "2"]), max_size=3)
VARIABLES = st.one_of(
    st.builds(lambda name, value: EnvVar(name=name, value=value), NAMES, TEXTS),
    NAMES.map(lambda name: from_field(name, "status.podIP")),
)


@given(
    st.lists(st.tuples(st.sampled_from(["", "A"]), DATA), max_size=3),
    st.lists(VARIABLES, max_size=8),
    DATA,
)
def test_resolution_agrees_with_the_documentation(
    env_from: list[tuple[str, dict[str, str]]], env: list[EnvVar], services: dict[str, str]
) -> None:
    refs = [Ref("ConfigMap", "shop", str(number)) for number in range(len(env_from))]
    objects = {
        ref: KeyedObject(ref, {key: value.encode() for key, value in data.items()})
        for ref, (_, data) in zip(refs, env_from, strict=True)
    }
    sources = tuple(config_map(ref.name, prefix) for ref, (prefix, _) in zip(refs, env_from, strict=True))
    resolved = resolve(*env, env_from=sources, pod_ips=(), services=services, objects=objects)
    entries = model(env_from, env, services)
    assert variables(resolved) == {entry.name: entry.value for entry in entries if entry.value is not None}
    assert resolved.environment is not None
    assert sorted(resolved.environment.awaiting_address) == sorted(
        entry.name for entry in entries if entry.value is None
    )
