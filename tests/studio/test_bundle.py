"""Names in a bundle: no two are equal, and none is that of a file that the studio makes."""

from __future__ import annotations

from sshbench.studio.bundle import bundle_names, made_names


def test_photographs_of_one_name_or_of_a_made_file_get_their_role_in_front() -> None:
    names = bundle_names({"foreground": "Picture.PNG", "background": "mask.png"}, mask=True)
    assert names == {"foreground": "foreground-Picture.PNG", "background": "background-mask.png", "mask": "mask.png"}
    same = bundle_names({"foreground": "a.jpg", "background": "A.jpg"}, mask=False)
    assert same == {"foreground": "a.jpg", "background": "background-A.jpg"}


def test_a_layer_beside_a_jpeg_keeps_its_transparency() -> None:
    assert made_names(".jpg") == ("picture.jpg", "layer.png", "look.cube")
    assert made_names(".webp") == ("picture.webp", "layer.webp", "look.cube")
