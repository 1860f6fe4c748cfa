"""An option that is given has an effect, or the command line is refused: none is overwritten or dropped in silence."""

from collections.abc import Iterator

import click
import pytest

from rsvpq.cli import commands, main

#: The exit code of wrong usage, and that of the Nagios plugin, for which 2 would be an alarm.
WRONG_USAGE, UNKNOWN = 2, 3

Words = tuple[str, ...]


def below(command: click.Group) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield name, found


def every_command(command: click.Command, words: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name, found in below(command):
            yield from every_command(found, (*words, name))


def takes_one_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not (parameter.multiple or parameter.is_flag)


def value_of(option: click.Parameter) -> str:
    """Return a value that the option takes by itself."""
    if isinstance(option.type, click.Choice):
        return str(option.type.choices[0])
    return "10" if isinstance(option.type, click.IntRange | click.FloatRange) else "10s"


def in_words(part: Words | str) -> str:
    """Name a case of a test."""
    return part if isinstance(part, str) else " ".join(part)


OPTIONS_WITH_ONE_VALUE = [
    (words, word, value_of(option), "/".join(option.opts))
    for words, command in every_command(commands)
    for option in command.params
    if takes_one_value(option)
    for word in option.opts
]
OPTIONS_OF_GROUPS = [
    ((*words, *given, name), option.opts[0])
    for words, command in every_command(commands)
    if isinstance(command, click.Group)
    for name, _ in below(command)
    for option in command.params
    if isinstance(option, click.Option) and option.name not in ("config_file", "version")
    for given in [(option.opts[0],) if option.is_flag else (option.opts[0], value_of(option))]
]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what is said of a wrong command line."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    plugin = arguments[0] == "check"
    assert ended.value.code == (UNKNOWN if plugin else WRONG_USAGE)
    shown = capsys.readouterr()
    said, unsaid = (shown.out, shown.err) if plugin else (shown.err, shown.out)
    assert unsaid == ""
    return " ".join(said.split())


@pytest.mark.parametrize(("words", "option", "value", "names"), OPTIONS_WITH_ONE_VALUE, ids=in_words)
def test_an_option_with_one_value_is_not_given_twice(
    capsys: pytest.CaptureFixture[str], words: Words, option: str, value: str, names: str
) -> None:
    said = refused(capsys, *words, option, value, f"{option}={value}")
    assert f"{names} is given 2 times, and only the last one would count; give it once" in said


def test_the_options_of_the_whole_command_line_are_looked_at() -> None:
    given = {(*words, option) for words, option, *_ in OPTIONS_WITH_ONE_VALUE}
    assert {("--config",), ("status", "--group"), ("dead", "retry", "--mailbox"), ("check", "--lag-warning")} <= given
    assert {words for words, _ in OPTIONS_OF_GROUPS} >= {("dead", "--server", "10s", "list")}


def test_the_settings_are_not_named_before_and_after_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "--config", "one.toml", "dead", "list", "--config", "other.toml")
    assert "--config is given before the command too; give it once" in said


@pytest.mark.parametrize(("words", "option"), OPTIONS_OF_GROUPS, ids=in_words)
def test_an_option_before_a_command_that_does_not_see_it_is_refused(
    capsys: pytest.CaptureFixture[str], words: Words, option: str
) -> None:
    said = refused(capsys, *words)
    assert f"{option} stands before the command {words[-1]}, which does not see it" in said


def test_the_remedy_for_an_option_before_a_command_says_whether_that_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "dead", "--server", "mail1", "list").endswith("write it after list")
    assert refused(capsys, "dead", "--server", "mail1", "show", "1").endswith("and has no such option; leave it out")


def test_a_flag_may_be_repeated_as_that_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "/nowhere" in refused(capsys, "status", "--json", "--json", "--config", "/nowhere")


def test_one_server_of_a_directory_has_one_name_here(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "mailboxes", "import", "--csv", "-", "--map", "MAIL1=hq1", "--map", "MAIL1=hq2")
    assert "MAIL1 is both hq1 and hq2; keep one of the two" in said


def test_the_help_of_each_option_says_whether_it_may_be_repeated() -> None:
    for words, command in every_command(commands):
        for option in command.params:
            if isinstance(option, click.Option):
                assert ("may be repeated" in (option.help or "")) is option.multiple, (*words, option.name)


def test_an_option_with_several_values_may_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "status", "--server", "mail1", "--server", "mail2", "--config", "/nowhere")
    assert "/nowhere" in said
