import msgspec

from vk_core.api.pod import Pod
from vk_core.materials.objects import Ref
from vk_core.materials.references import environment_references, references_of, volume_references

POD = msgspec.convert(
    {
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {
            "volumes": [
                {"name": "c", "configMap": {"name": "volume"}},
                {"name": "s", "secret": {"secretName": "volume"}},
                {"name": "e", "emptyDir": {}},
                {"name": "a", "azureFile": {"secretName": "of-a-driver", "shareName": "x"}},
                {
                    "name": "p",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"path": "token"}},
                            {"configMap": {"name": "projected"}},
                            {"secret": {"name": "projected"}},
                            {"configMap": {"name": "volume"}},
                        ]
                    },
                },
            ],
            "initContainers": [{"name": "i", "envFrom": [{"configMapRef": {"name": "init"}}]}],
            "containers": [
                {
                    "name": "c",
                    "envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {"name": ""}}],
                    "env": [
                        {"name": "A", "value": "literal"},
                        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "one", "key": "k"}}},
                        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}},
                        {"name": "D", "valueFrom": {"secretKeyRef": {"name": "one", "key": "other"}}},
                        {"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    ],
                }
            ],
            "ephemeralContainers": [{"name": "d", "envFrom": [{"secretRef": {"name": "debug"}}]}],
            "imagePullSecrets": [{"name": "pull"}, {"name": "all"}, {}],
        },
    },
    Pod,
)


def test_all_objects_that_a_pod_names_are_found_each_once_in_the_order_of_the_specification() -> None:
    assert [f"{ref.kind} {ref.name}" for ref in references_of(POD)] == [
        "ConfigMap volume",
        "Secret volume",
        "ConfigMap projected",
        "Secret projected",
        "ConfigMap init",
        "Secret all",
        "ConfigMap one",
        "Secret one",
        "Secret debug",
        "Secret pull",
    ]
    assert {ref.namespace for ref in references_of(POD)} == {"ns"}


def test_one_container_or_volume_needs_only_what_it_names_itself() -> None:
    assert environment_references(POD.spec.containers[0], "ns") == (
        Ref("Secret", "ns", "all"),
        Ref("ConfigMap", "ns", "one"),
        Ref("Secret", "ns", "one"),
    )
    assert volume_references(POD.spec.volumes[4], "ns") == (
        Ref("ConfigMap", "ns", "projected"),
        Ref("Secret", "ns", "projected"),
        Ref("ConfigMap", "ns", "volume"),
    )
    assert volume_references(POD.spec.volumes[2], "ns") == ()
