"""A user's mistake: found behind what wraps it, and safe to print."""

from rlsel.errors import InputError, find_input_error


def test_a_mistake_is_found_behind_what_others_wrapped_it_in() -> None:
    mistake = InputError("mine.yaml: ...")
    by_ray = RuntimeError("many lines")
    by_ray.cause = mistake  # type: ignore[attr-defined]
    by_rllib = RuntimeError()
    by_rllib.__cause__ = by_ray

    assert find_input_error(by_rllib) is mistake
    assert find_input_error(mistake) is mistake
    assert find_input_error(RuntimeError()) is None


def test_no_text_of_a_user_commands_the_terminal() -> None:
    assert str(InputError("a\x1b[2J\tb\nc")) == "a\\x1b[2J\tb\nc"
