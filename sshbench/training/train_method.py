"""`train`: train the weights of a method on photographs in one call, as `sshbench train` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sshbench.errors import SshbenchError
from sshbench.outputs import check_folder
from sshbench.training.objectives import Objective, find_objective
from sshbench.training.recipe import Recipe, as_toml, read_recipe, seconds
from sshbench.training.run import Outcome, run
from sshbench.triplets.luts import Places

Make = Callable[[Recipe], Objective]


def train(
    method: str | Make,
    source: str | os.PathLike[str] = "sample",
    out: str | os.PathLike[str] | None = None,
    *,
    recipe: str | os.PathLike[str] | Recipe | None = None,
    changes: Mapping[str, Any] | Sequence[str] = (),
    luts: Places | None = None,
    masks: str | os.PathLike[str] | None = None,
    init_from: str | os.PathLike[str] | None = None,
    measure_on: str | os.PathLike[str] | None = None,
    time_limit: str | float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    workers: int = 0,
    max_pixels: int | None = None,
    progress: bool = False,
) -> Outcome:
    """Train a method on photographs.

    A tenth of the photographs and looks, chosen by their names, is held out. Training never sees this tenth, and
    measures on it. A script needs no `if __name__ == "__main__":`.

    Parameters
    ----------
    method
        A method that sshbench trains, such as `"ssh-lut"` or `"ssh"`; the name of an entry point in the group
        `sshbench.objectives`; `"path.py:function"`; or the function itself, which takes a `Recipe` and returns an
        `Objective`. For a function of your own, give a recipe too.
    source
        `"sample"` for the photographs that ship with sshbench, a folder or a data set of photographs, what
        `sshbench.generate_triplets` wrote, or the folder of iHarmony4.
    out
        The folder of the run, by default `runs/METHOD`. It receives the recipe, the logs, the checkpoints, and the
        weights `best/` and `last/`.
    recipe
        `"small"`, `"gpu"` or `"paper"` (those that the method has), a `.toml` file, or a `Recipe`. The default is
        `"small"`, and with `resume=True` the recipe of the run.
    changes
        Changes of the recipe: `{"schedule.budget": "30m", "data.batch": 16}`, or `["schedule.budget=30m"]` as on the
        command line.
    luts
        Folders of `.cube` files, or `.npz` files of tables. The default is the looks that ship with sshbench.
    masks
        For recipes of composites: a folder of masks with the names of the photographs.
    init_from
        Weights to begin with: a folder or file that sshbench wrote, or the file of a method's authors.
    measure_on
        Photographs or a store on whose held-out part the training is measured. The default is `source`.
    time_limit
        The time after which the run stops with a checkpoint: `"9m"`, `"1h30m"`, or a number of seconds.
    resume
        Go on from the last checkpoint in `out`, if there is one, as if the run had not been stopped.
    overwrite
        Remove the run that is in `out` first.
    device
        `"auto"`, `"cpu"`, `"cuda"` or `"cuda:1"`.
    workers
        The number of processes that prepare data; 0 prepares them in this process.
    max_pixels
        The largest number of pixels that a photograph may have.
    progress
        Show the losses and the measurements on the standard error.

    Returns
    -------
    Outcome
        Why the run ended, the folder of its best `weights`, the steps, the samples, the seconds, and the `scores` of
        the last validation (PSNR in dB on held-out photographs). `sshbench.get_method(name, weights=outcome.weights)`
        loads the weights.

    Raises
    ------
    SshbenchError
        The method, the photographs, the LUTs or the recipe cannot be used, `out` holds another run, the loss has
        become infinite, or a data worker died. Checkpoints that were written are kept.

    Examples
    --------
    >>> import sshbench
    >>> small = {"data.batch": 2, "data.crop": 64, "schedule.steps": 2, "validation.images": 0}
    >>> outcome = sshbench.train("ssh-lut", "sample", "run", changes=small, device="cpu")
    >>> outcome.reason, outcome.step
    ('complete', 2)
    >>> sshbench.get_method("ssh-lut", weights=outcome.weights).trained_by
    'user'
    """
    if out is not None:
        check_folder(out)
    name = method if isinstance(method, str) else method.__name__
    if isinstance(method, str):
        find_objective(method)
    folder = Path(out if out is not None else Path("runs") / Path(name.partition(".py:")[0]).name)
    return run(
        _recipe(recipe, changes, name, folder if resume else None),
        os.fspath(source),
        luts,
        folder,
        device=device,
        workers=workers,
        time_limit=None if time_limit is None else seconds(time_limit),
        resume=resume,
        overwrite=overwrite,
        init_from=None if init_from is None else os.fspath(init_from),
        masks=None if masks is None else os.fspath(masks),
        max_pixels=max_pixels,
        measure_on=None if measure_on is None else os.fspath(measure_on),
        quiet=not progress,
        make=None if isinstance(method, str) else method,
    )


def _recipe(
    recipe: str | os.PathLike[str] | Recipe | None,
    changes: Mapping[str, Any] | Sequence[str],
    method: str,
    resumed: Path | None,
) -> Recipe:
    if isinstance(recipe, Recipe):
        if changes:
            raise SshbenchError("changes apply to a recipe that is read; change the Recipe itself instead")
        return recipe
    if isinstance(changes, Mapping):
        changes = [f"{key}={as_toml(value)}" for key, value in changes.items()]
    kept = None if resumed is None else resumed / "recipe.toml"
    where = recipe or (kept if kept is not None and kept.is_file() else "small")
    return read_recipe(os.fspath(where), changes, method=method)
