"""`load_triplets`: a folder that `sshbench generate-triplets` wrote, as a dataset; recipes are rendered as they are read."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.folders import data_folder
from sshbench.lut.bank import LutBank
from sshbench.triplets.manifest import Manifest, ManifestError, Run, lut_hashes, read_manifest
from sshbench.triplets.recipe import Recipe
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import Source, SourceError, open_source
from sshbench.triplets.storage import Storage
