"""What holds for the repository as a whole, whatever the code does."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
MAX_LINES = 350
MAX_BYTES = 2_000_000
MACHINE_PATH = re.compile(r"(?<![\w./~$}-])/(?:work|root|home/\w+|Users/\w+)/")
# Bracketed letters keep this file from matching itself.
REGISTRY = re.compile(
    r"py[p]i\.org|python[h]osted\.org|npm[j]s\.org|ana[c]onda\.org|download\.py[t]orch\.org"
    r"|https?://\S*(?:\.whl|\.tar\.gz|/simple\b|/packages/)"
)


@pytest.fixture(scope="module")
def repository_files() -> list[Path]:
    """Everything that is committed, or would be."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    names = listing.stdout.split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def lines_matching(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]


def imported_packages(path: Path) -> Iterator[str]:
    """Top-level names that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def distribution_name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)


def loaded_by(statement: str, *suspects: str) -> set[str]:
    """Which of `suspects` a fresh Python holds after `statement`."""
    code = f"{statement}; import sys; print(*({set(suspects)} & sys.modules.keys()))"
    return set(run_python("-c", code).stdout.split())


def test_no_python_file_is_too_long_for_one_idea(repository_files):
    lengths = {p: len(p.read_text().splitlines()) for p in repository_files if p.suffix == ".py"}
    assert {str(path): n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_no_file_names_a_path_of_one_machine(repository_files):
    assert lines_matching(MACHINE_PATH, repository_files) == []


def test_no_file_names_a_package_registry(repository_files):
    assert lines_matching(REGISTRY, repository_files) == []


def test_no_file_is_large(repository_files):
    sizes = {str(path): path.stat().st_size for path in repository_files}
    assert {name: size for name, size in sizes.items() if size > MAX_BYTES} == {}


def test_every_imported_package_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["peers"] + extras["timm"]
    declared = {distribution_name(line) for line in lines}
    distributions = packages_distributions()
    files = [path for package in ("envs", "rlsel") for path in (ROOT / package).rglob("*.py")]
    imported = {name for path in files for name in imported_packages(path)}
    third_party = imported - sys.stdlib_module_names - {"envs", "rlsel"}
    undeclared = {
        name
        for name in third_party
        if not declared & {distribution_name(one) for one in distributions.get(name, [])}
    }
    assert undeclared == set()


def test_import_contracts_hold():
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("rlsel/data/image_set.py", "import rlsel.selectors", "layers"),
        (
            "rlsel/runs/read.py",
            "import rlsel.generators.histogan.config",
            "generators-behind-a-seam",
        ),
        ("envs/types.py", "import torch", "envs-stand-alone"),
        ("rlsel/data/image_set.py", "import ray", "ray-stays-put"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(tmp_path, module, statement, contract):
    for package in ("rlsel", "envs"):
        shutil.copytree(ROOT / package, tmp_path / package)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{statement}\n")
    code = (
        "from importlinter.cli import lint_imports; import sys; "
        "sys.path.insert(0, sys.argv[1]); "
        "sys.exit(lint_imports(sys.argv[2], limit_to_contracts=(sys.argv[3],), no_cache=True))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(ROOT / "pyproject.toml"), contract]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "1 broken" in checked.stdout


def test_the_environment_imports_neither_torch_nor_ray():
    assert loaded_by("import envs", "torch", "ray", "rlsel") == set()


def test_the_command_line_comes_up_without_torch_and_ray():
    if not (ROOT / "rlsel" / "cli.py").exists():
        pytest.skip("rlsel/cli.py does not exist yet")
    assert loaded_by("import rlsel.cli", "torch", "ray") == set()
    assert "run" in run_python("-m", "rlsel", "--help").stdout


def test_the_root_of_the_package_holds_at_most_ten_files() -> None:
    files = sorted(path.name for path in (ROOT / "rlsel").iterdir() if path.is_file())

    assert len(files) <= 10, files


@pytest.mark.parametrize("package", ["envs", "rlsel", "benchmarks"])
def test_no_function_is_longer_than_sixty_lines(package: str) -> None:
    lengths = {
        f"{path.relative_to(ROOT)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > 60} == {}
