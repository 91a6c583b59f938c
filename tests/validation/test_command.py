"""``moe-ipi validate``: the command, the report, what it does with failures and with bad input."""

import json
import re
import subprocess
import sys
from html import escape
from html.parser import HTMLParser

import pytest
from ase.build import bulk
from ase.io import write

from moe_ipi.validation import run as runner
from moe_ipi.validation.command import Options, run_validate
from moe_ipi.validation.result import Check, Curve, Plot, Quantity
from tests.helpers.browser import asked, needs_chromium
from tests.helpers.configs import ANALYTIC, AROUND_CO
from tests.helpers.processes import one_error
from tests.helpers.subjects import labelled, slab

CRYSTAL = '[validation]\nelement = "Pt"\nlattice_parameter = 3.9\n'


def prepare(tmp_path):
    (tmp_path / "moe.toml").write_text(ANALYTIC + AROUND_CO + CRYSTAL + 'labels = "labels.xyz"\n')
    same = ANALYTIC.replace('parameters = "bulk"', 'parameters = "complex"')
    (tmp_path / "same.toml").write_text(same + AROUND_CO + CRYSTAL)
    write(tmp_path / "labels.xyz", [labelled(slab(), k) for k in range(2)], format="extxyz")
    return tmp_path


@pytest.fixture
def folder(tmp_path):
    return prepare(tmp_path)


def validate(folder, *options):
    command = [sys.executable, "-m", "moe_ipi.cli", "validate", "--quick", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=270)


class Page(HTMLParser):
    """Tags that are open, addresses, and text."""

    def __init__(self):
        super().__init__()
        self.stack, self.addresses, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br", "img", "link"):
            self.stack.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href") and v]

    def handle_startendtag(self, tag, attributes):
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href") and v]

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole validation, and its folder."""
    folder = prepare(tmp_path_factory.mktemp("whole"))
    return folder, validate(folder, "-c", "moe.toml", "--compare", "equal experts=same.toml")


def test_a_whole_validation(whole):
    folder, done = whole
    assert done.returncode == 1, done.stderr  # the analytic experts do not agree
    assert "FAIL" in done.stdout and "equal experts" in done.stdout and "report.html" in done.stdout
    data = json.loads((folder / "validation/report.json").read_text())
    assert [c["key"] for c in data["checks"]] == list(runner.CHECKS)
    assert not [c for c in data["checks"] if c["error"] or c["skipped"]]
    assert data["passed"] is False and data["pair"]["labels"] == 2
    assert {c["key"] for c in data["compare"][0]["checks"]} == set(runner.COMPARED)
    force = next(r for r in data["comparison"] if r["name"] == "largest spurious force at 0 K")
    assert force["value"] > 10 and force["others"][0]["value"] < 1e-6
    page = Page()
    html = (folder / "validation/report.html").read_text()
    page.feed(html)
    assert not page.stack
    assert page.addresses and all(a.startswith(("#", "data:")) for a in page.addresses)
    text = " ".join(page.text)
    for check in data["checks"]:
        for quantity in check["quantities"]:
            assert f"{quantity['value']:.4g}" in text, quantity
    assert html.count("<svg") == sum(len(c["plots"]) for c in data["checks"]) > 6
    assert "meV/Å" in text and "meV/A" not in text


def test_a_line_for_each_check_where_there_is_no_terminal(whole):
    _, done = whole
    keys = [*runner.CHECKS, *(f"equal experts: {key}" for key in runner.COMPARED)]
    lines = re.findall(
        r"^(\d+)/(\d+) (.*): (pass|FAIL|not judged|info|not made) \([\d.]+ s\)$", done.stdout, re.MULTILINE
    )
    assert [key for _, _, key, _ in lines] == keys
    assert [(int(k), int(n)) for k, n, _, _ in lines] == [(k + 1, len(keys)) for k in range(len(keys))]


def test_every_failure_says_what_helps(whole):
    folder, done = whole
    data = json.loads((folder / "validation/report.json").read_text())
    limits = [q for c in data["checks"] for q in c["quantities"] if q["tolerance"] is not None]
    assert len(limits) > 12 and all(len(q["remedy"]) > 40 for q in limits)
    html = (folder / "validation/report.html").read_text()
    failed = data["verdict"]["failed"]
    assert [q["name"] for q in limits if q["verdict"] == "FAIL"] == [e["name"] for e in failed] and failed
    for entry in failed:
        assert escape(entry["remedy"]) in html
        assert entry["remedy"] in " ".join(done.stdout.split())


def test_what_was_validated_is_said(whole):
    folder, _ = whole
    about = json.loads((folder / "validation/report.json").read_text())["about"]
    assert about["command"] == "moe-ipi validate -c moe.toml --compare 'equal experts=same.toml' --quick"
    assert about["regions"][0] == "species: C, O" and about["regions"][1].startswith("atoms within")
    assert "frame 0" in about["structure"] and "2 frames" in about["labels"] and "labels.xyz" in about["labels"]
    assert "fcc Pt" in about["crystal"] and "torch" in about["versions"] and "cores" in about["machine"]


#: Elements that reach beyond the window, and how many of the results in the table of all numbers can be seen.
FITS = """window => {
  const width = window.innerWidth, all = [...window.document.body.querySelectorAll("*")];
  const box = element => element.getBoundingClientRect();
  const out = all.filter(e => box(e).width > 0 && (box(e).right > width + 0.5 || box(e).left < -0.5));
  const seen = [...window.document.querySelectorAll("#overview .badge")].filter(
    e => box(e).width > 10 && box(e).height > 10 && box(e).left >= 0 && box(e).right <= width);
  return {width, out: out.map(e => e.outerHTML.slice(0, 80)), seen: seen.length,
          scroll: window.document.documentElement.scrollWidth};
}"""


@needs_chromium
def test_nothing_is_cut_off_at_any_width(whole, tmp_path):
    folder, _ = whole
    data = json.loads((folder / "validation/report.json").read_text())
    results = sum(len(c["quantities"]) for c in data["checks"])
    for width, found in asked(folder / "validation/report.html", tmp_path, (1280, 390), FITS).items():
        assert found["width"] == width
        assert found["out"] == [] and found["scroll"] <= width
        assert found["seen"] == results > 15


def test_equal_experts_pass(folder):
    done = validate(folder, "-c", "same.toml", "--labels", "labels.xyz", "--only", "eos,interface", "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((folder / "out/report.json").read_text())["passed"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-c", "moe.toml", "--only", "eos,elastics"), "no check 'elastics'; the checks are parity, eos"),
        (("-c", "moe.toml", "--only", "eos", "--skip", "eos"), "leave no check"),
        (("-c", "moe.toml", "--labels", "none.xyz"), "cannot read the labels 'none.xyz'"),
        (("-c", "moe.toml", "--labels", "bare.xyz"), "frame 0 of 'bare.xyz' has no energy and no forces; it has none"),
        (("-c", "moe.toml", "--compare", "same.toml"), "--compare needs LABEL=CONFIG"),
        (
            (
                "-c",
                "same.toml",
            ),
            "give --structure FILE",
        ),
        (
            (
                "-c",
                "none.toml",
            ),
            "there is no config 'none.toml'",
        ),
        (("-c", "moe.toml", "--structure", "none.xyz"), "none.xyz"),
        (("-c", "crystal.toml"), "the crystal '"),
        (("-c", "gold.toml"), "Au"),
        (("-c", "two.toml"), "validation: 'crystal' is a file, and element names another crystal; remove one of them"),
        (("-c", "no.toml"), "validation: which crystal? Give element and lattice_parameter, or crystal"),
    ],
)
def test_bad_input_is_one_line(folder, command, monkeypatch, options, message):
    monkeypatch.chdir(folder)
    write("bare.xyz", slab(), format="extxyz")
    write("gold.cif", bulk("CuAu", "cesiumchloride", a=3.0))
    tables = {"crystal": 'crystal = "none.cif"', "gold": 'crystal = "gold.cif"', "no": 'lattice = "fcc"'}
    tables["two"] = 'crystal = "gold.cif"\nelement = "Pt"'
    for name, table in tables.items():
        labels = '\nlabels = "labels.xyz"\n'
        (folder / f"{name}.toml").write_text(f"{ANALYTIC}{AROUND_CO}[validation]\n{table}{labels}")
    assert message in one_error(command("validate", "--quick", *options))
    assert not (folder / "validation").exists()


def stub(monkeypatch, **checks):
    """Replace the checks; each is a function of the subject."""
    monkeypatch.setattr(runner, "CHECKS", checks)


def measured(value, **more):
    return lambda subject: Check("good", "Good", "Fine.", [Quantity("a number", value, "eV", 1.0)], **more)


def broken(subject):
    raise ZeroDivisionError("nothing <b>there</b>")


def test_a_check_that_breaks_does_not_take_the_others_with_it(folder, monkeypatch):
    stub(monkeypatch, broken=broken, good=measured(0.5))
    assert run_validate(folder / "moe.toml", Options(output=folder / "out", quick=True)) is False
    data = json.loads((folder / "out/report.json").read_text())
    assert data["checks"][0]["error"].startswith("ZeroDivisionError") and data["checks"][1]["passed"] is True
    html = (folder / "out/report.html").read_text()
    assert "nothing &lt;b&gt;there&lt;/b&gt;" in html and "<b>there" not in html


def interrupt(subject):
    raise KeyboardInterrupt


def interrupt_in_numba(subject):
    """A Ctrl-C that arrives in compiled code."""
    raise SystemError("<built-in> returned a result with an exception set") from KeyboardInterrupt()


@pytest.mark.parametrize("interrupt", [interrupt, interrupt_in_numba])
def test_ctrl_c_keeps_what_was_measured(folder, monkeypatch, interrupt):

    stub(monkeypatch, good=measured(0.5), late=interrupt, never=broken)
    assert run_validate(folder / "moe.toml", Options(output=folder / "out", quick=True)) is False
    data = json.loads((folder / "out/report.json").read_text())
    assert [c["key"] for c in data["checks"]] == ["good"] and data["passed"] is False


def test_numbers_that_are_not_finite(folder, monkeypatch):
    stub(monkeypatch, good=measured(float("nan")))
    assert run_validate(folder / "moe.toml", Options(output=folder / "out", quick=True)) is False
    assert json.loads((folder / "out/report.json").read_text())["checks"][0]["quantities"][0]["value"] is None


def test_an_earlier_report_is_replaced_only_by_a_complete_one(folder, monkeypatch):
    stub(monkeypatch, good=measured(0.5))
    assert run_validate(folder / "moe.toml", Options(output=folder / "out", quick=True)) is True
    before = (folder / "out/report.html").read_bytes()
    monkeypatch.setattr("moe_ipi.validation.report.svg", broken)
    stub(monkeypatch, good=measured(0.5, plots=[Plot("p", "x", "y", (Curve("c", (0.0,), (1.0,)),))]))
    with pytest.raises(ZeroDivisionError):
        run_validate(folder / "moe.toml", Options(output=folder / "out", quick=True))
    assert (folder / "out/report.html").read_bytes() == before
