"""`virtual-kubelet version`: what is installed, for bug reports."""

from __future__ import annotations

from vk_core.cli.output import OutputOption, print_json, print_table


def version(output: OutputOption = "table") -> None:
    """Show the versions of Virtual Kubelet, of the provider interface and of Python.

    Example: virtual-kubelet version -o json
    """
    import platform

    from vk_core.provider.protocol import PROVIDER_API
    from vk_core.runtime.options import DEFAULT_KUBELET_VERSION
    from vk_core.version import __version__

    facts = {
        "virtual-kubelet": __version__,
        "provider API": str(PROVIDER_API),
        "kubelet version": DEFAULT_KUBELET_VERSION,
        "Python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
    }
    if output == "json":
        names = {"virtual-kubelet": "version", "provider API": "providerAPI", "kubelet version": "kubeletVersion"}
        print_json({names.get(name, name.lower()): fact for name, fact in facts.items()})
    else:
        print_table(("COMPONENT", "VERSION"), list(facts.items()))
