"""The LUT engine: it reads `.cube` files into tables and applies the tables to pixels.

Names load on first use, so that a worker imports only what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench.colour.polynomial import fit_polynomial as fit_polynomial
    from sshbench.colour.transfer import transfer_distribution as transfer_distribution
    from sshbench.colour.transfer import transfer_histogram as transfer_histogram
    from sshbench.colour.transfer import transfer_monge_kantorovich as transfer_monge_kantorovich
    from sshbench.colour.transfer import transfer_reinhard as transfer_reinhard
    from sshbench.colour.transfer import transfer_xiao as transfer_xiao
    from sshbench.lut.apply import apply_lut as apply_lut
    from sshbench.lut.apply import apply_lut_normalized as apply_lut_normalized
    from sshbench.lut.bank import LutBank as LutBank
    from sshbench.lut.colour_science import from_colour as from_colour
    from sshbench.lut.colour_science import to_colour as to_colour
    from sshbench.lut.cube import CubeFormatError as CubeFormatError
    from sshbench.lut.cube import CubeWarning as CubeWarning
    from sshbench.lut.cube import read_cube as read_cube
    from sshbench.lut.cube import write_cube as write_cube
    from sshbench.lut.files import find_luts as find_luts
    from sshbench.lut.files import read_lut as read_lut
    from sshbench.lut.fit import fit_lut as fit_lut
    from sshbench.lut.fit_smooth import fit_smooth_lut as fit_smooth_lut
    from sshbench.lut.hald import HaldError as HaldError
    from sshbench.lut.hald import HaldWarning as HaldWarning
    from sshbench.lut.hald import read_hald as read_hald
    from sshbench.lut.hald import write_hald as write_hald
    from sshbench.lut.sheet import contact_sheet as contact_sheet
    from sshbench.lut.table import Domain as Domain
    from sshbench.lut.table import Lut as Lut
    from sshbench.lut.table import LutError as LutError
    from sshbench.lut.tables import read_tables as read_tables

_HOMES = {
    "CubeFormatError": "cube",
    "CubeWarning": "cube",
    "Domain": "table",
    "HaldError": "hald",
    "HaldWarning": "hald",
    "Lut": "table",
    "LutBank": "bank",
    "LutError": "table",
    "apply_lut": "apply",
    "apply_lut_normalized": "apply",
    "contact_sheet": "sheet",
    "find_luts": "files",
    "fit_lut": "fit",
    "fit_polynomial": "..colour.polynomial",
    "fit_smooth_lut": "fit_smooth",
    "from_colour": "colour_science",
    "read_cube": "cube",
    "read_hald": "hald",
    "read_lut": "files",
    "read_tables": "tables",
    "to_colour": "colour_science",
    "transfer_distribution": "..colour.transfer",
    "transfer_histogram": "..colour.transfer",
    "transfer_monge_kantorovich": "..colour.transfer",
    "transfer_reinhard": "..colour.transfer",
    "transfer_xiao": "..colour.transfer",
    "write_cube": "cube",
    "write_hald": "hald",
}
__getattr__, __dir__, __all__ = exports(__name__, _HOMES)
