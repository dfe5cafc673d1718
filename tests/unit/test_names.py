"""How names are said, and found in what was said."""

import pytest

from custom_components.home_cluster.names import fold, longest_named, ways_to_say


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("Fridge", {"fridge"}),
        ("The Fridge", {"fridge"}),
        ("Die Waschmaschine", {"waschmaschine"}),
        ("Jazz server", {"jazz server", "jazzserver"}),
        ("rtl-433", {"rtl-433", "rtl 433", "rtl433"}),
        ("Kühlschrank", {"kühlschrank", "kuehlschrank", "kuhlschrank"}),
        ("Größe", {"größe", "groesse", "grosse"}),
        ("Tømmer łódź", {"tømmer łódź", "tømmerłódź", "tommer lodz", "tommerlodz"}),
        ("Mimi’s box", {"mimi's box", "mimis box", "mimi'sbox", "mimisbox"}),
        # What means something in a template is no part of a name.
        ("cam [1] (a|b) {x} <y>", {"cam 1 a b x y", "cam1abxy"}),
        ("my_app", {"app"}),
        ("🧊", set()),
        ("--", set()),
        ("x", set()),
        ("n" * 61, set()),
        ("", set()),
    ],
)  # fmt: skip
def test_ways_to_say(name: str, ways: set[str]) -> None:
    """With and without hyphens, umlauts and apostrophes; never with an article."""
    assert set(ways_to_say(name)) == ways


def test_the_usual_way_comes_first() -> None:
    """The name itself, in small letters."""
    assert ways_to_say("Kühl-Schrank")[0] == "kühl-schrank"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Why is the Fridge down?", "why is the fridge down"),
        ("  Wo läuft   der Kühl-Schrank?! ", "wo laeuft der kuehl schrank"),
        ("Mimi's box", "mimis box"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    """Only letters, digits and single spaces are compared."""
    assert fold(text) == folded


def test_the_longest_name_is_meant() -> None:
    """A garden camera is not any camera, and a part of a word is no name."""
    names = {"camera": ["c"], "garden camera": ["g", "h"], "arden": ["no"]}
    assert longest_named("restart the garden camera", names) == ("g", "h")
    assert longest_named("restart the camera", names) == ("c",)
    assert longest_named("restart the garden", names) == ()
