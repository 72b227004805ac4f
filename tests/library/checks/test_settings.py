"""[tool.trellis] in pyproject.toml."""

from pathlib import Path

import pytest

from tests.library.checks.projects import check, make
from trellis.checks import settings

PRICING = {"apps/bookings/pricing.py": "X = 1\n"}


def project(root: Path, table: str, files: dict[str, str] | None = None) -> Path:
    return make(root, {"pyproject.toml": f"[tool.trellis]\n{table}\n", **(files or {})})


class TestSettings:
    def test_are_the_defaults_without_the_file_or_the_table(self, tmp_path: Path) -> None:
        assert settings.read(tmp_path) == settings.Settings(faults=[])
        assert settings.read(make(tmp_path, {"pyproject.toml": "[project]\n"})).faults == []

    def test_switch_a_rule_off(self, tmp_path: Path) -> None:
        assert check(make(tmp_path, PRICING)) != []

        assert check(project(tmp_path, 'disable = ["module_has_a_home"]', PRICING)) == []

    def test_give_a_module_name_a_group(self, tmp_path: Path) -> None:
        files = {
            **PRICING,
            "apps/bookings/models.py": "from . import pricing\n",
            "apps/insights/models.py": "from apps.bookings import pricing\n",
        }
        root = project(tmp_path, 'extra_modules = { pricing = "services" }', files)

        assert [(one.path, one.rule) for one in check(root)] == [
            ("apps/bookings/models.py", "layers_point_down"),
            ("apps/insights/models.py", "dependencies_are_declared"),
        ]
        assert settings.read(root).group_of("pricing") == "services"
        assert settings.read(root).is_front_door("pricing")
        assert not settings.read(root).is_front_door("views")

    def test_may_hold_the_keys_of_other_commands(self, tmp_path: Path) -> None:
        table = 'project_name = "Desk"\ntemplate_version = "1"'

        assert check(project(tmp_path, table)) == []

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ('disabled = ["x"]', "there is no setting 'disabled'. Known: disable, extra_modules,"),
            ('disable = "layer_has_tests"', 'disable is not a list of texts. Write disable = ["…'),
            ('disable = ["layer_has_test"]', "disable: there is no rule 'layer_has_test'. Did you"
             " mean layer_has_tests? Correct the name."),
            ("extra_modules = 3", "extra_modules is not a table. Write extra_modules = {"),
            ('extra_modules = { pricing = "door" }', "pricing cannot be in 'door'. The groups are"),
            ("own_rules = [3]", "own_rules is not a list of texts. Write own_rules = ["),
            ('own_rules = ["rules.py"]', "own rule 'rules.py': write path/to/file.py:function."),
        ],
    )  # fmt: skip
    def test_are_one_clear_finding_when_they_are_wrong(
        self, tmp_path: Path, table: str, message: str
    ) -> None:
        (found,) = check(project(tmp_path, f"\n{table}"))

        assert (found.path, found.line, found.rule) == ("pyproject.toml", 3, "settings_are_valid")
        assert found.message.startswith(message)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[tool.trellis\n", "it is not valid TOML"),
            ("[tool]\ntrellis = 3\n", "tool.trellis is not a table. Write [tool.trellis]."),
        ],
    )
    def test_name_a_file_that_cannot_be_used(self, tmp_path: Path, text: str, message: str) -> None:
        (found,) = check(make(tmp_path, {"pyproject.toml": text}))

        assert found.rule == "settings_are_valid"
        assert found.message.startswith(message)


class TestOwnRules:
    rule = '''
        import ast

        def apps_do_not_print(project):
            """Apps write log lines; they do not print."""
            for module in project.modules:
                for node in ast.walk(project.tree(module)):
                    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                        yield module.path, node.lineno, "prints. Use a logger."
    '''
    setting = 'own_rules = ["tests/rules.py:apps_do_not_print"]'
    printing = {"apps/bookings/selectors.py": 'print("x")\n'}

    def test_are_functions_of_the_project(self, tmp_path: Path) -> None:
        files = {"tests/rules.py": self.rule, **self.printing}

        found = [str(one) for one in check(project(tmp_path, self.setting, files))]

        assert "apps/bookings/selectors.py:1: apps_do_not_print: prints. Use a logger." in found

    def test_can_be_waived_and_switched_off(self, tmp_path: Path) -> None:
        files = {"tests/rules.py": self.rule, "apps/bookings/types.py": 'print("x")\n'}
        waiver = (
            '[[waiver]]\nrule = "apps_do_not_print"\npath = "apps/bookings"\n'
            'until = 2027-04-01\nreason = "Later."\n'
        )

        assert check(project(tmp_path, self.setting, {**files, "waivers.toml": waiver})) == []
        off = f'{self.setting}\ndisable = ["apps_do_not_print"]'
        assert check(project(tmp_path, off, {**files, "waivers.toml": ""})) == []

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "FileNotFoundError("),
            ("def other(project): ...\n", "KeyError("),
            ("def apps_do_not_print(project):\n    return 1 / 0\n", "ZeroDivisionError("),
            ("def apps_do_not_print(project):\n    yield 'apps'\n", "ValueError("),
            ("def (\n", "SyntaxError("),
        ],
    )
    def test_that_fail_are_one_finding(
        self, tmp_path: Path, text: str | None, message: str
    ) -> None:
        files = {"tests/rules.py": text} if text else {}

        (found,) = check(project(tmp_path, self.setting, files))

        assert (found.path, found.rule) == ("pyproject.toml", "settings_are_valid")
        assert found.message.startswith(f"own rule apps_do_not_print in tests/rules.py: {message}")
