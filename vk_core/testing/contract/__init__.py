"""The provider contract: subclass `ProviderContract`, say how your provider is made, and run pytest.

One module per subject. What every provider must do is always checked; what belongs to a capability is checked when
the provider has it and skipped with a reason when it has not. A check that fails says in a sentence what is wrong and
which method does it.
"""

from vk_core.testing.contract.attaching import AttachingContract
from vk_core.testing.contract.base import ProviderFactory
from vk_core.testing.contract.commands import CommandsContract
from vk_core.testing.contract.concurrency import ConcurrencyContract
from vk_core.testing.contract.creation import CreationContract
from vk_core.testing.contract.deletion import DeletionContract
from vk_core.testing.contract.ending import EndingContract
from vk_core.testing.contract.identity import IdentityContract
from vk_core.testing.contract.logs import LogsContract
from vk_core.testing.contract.materials import MaterialsContract
from vk_core.testing.contract.node import NodeContract
from vk_core.testing.contract.notifications import NotificationsContract
from vk_core.testing.contract.ports import PortsContract
from vk_core.testing.contract.recovery import RecoveryContract
from vk_core.testing.contract.stats import StatsContract
from vk_core.testing.contract.updating import UpdatingContract

__all__ = ["ProviderContract", "ProviderFactory"]


class ProviderContract(
    CreationContract,
    IdentityContract,
    UpdatingContract,
    EndingContract,
    DeletionContract,
    NotificationsContract,
    ConcurrencyContract,
    RecoveryContract,
    NodeContract,
    MaterialsContract,
    LogsContract,
    CommandsContract,
    AttachingContract,
    PortsContract,
    StatsContract,
):
    """Everything that core relies on; see `vk_core.testing.contract.base` for what a subclass may set."""
