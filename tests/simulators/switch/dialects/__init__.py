"""The dialects: one file a platform."""

from __future__ import annotations

from ..dialect import Dialect
from .comware import Comware
from .cumulus_ifupdown2 import Ifupdown2
from .cumulus_nclu import Nclu
from .cumulus_nvue import Nvue
from .eos import Eos
from .nxos import Nxos
from .onyx import Onyx
from .os10 import Os10
from .sonic import Sonic

DIALECTS: dict[str, type[Dialect]] = {
    dialect.platform: dialect for dialect in (Comware, Ifupdown2, Nclu, Nvue, Eos, Nxos, Onyx, Os10, Sonic)}
