#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The catalogue of bad input, evasion and faults: each row points at tests that exist and ran.

    tests/catalogue.py check          each row has a test that is in the tree; docs/threats.md is
                                      what `write` would write
    tests/catalogue.py write          docs/threats.md from catalogue.tsv
    tests/catalogue.py ran FILE       each row's tests are among those that FILE says have passed

A row of catalogue.tsv: number, input, verdict, tests, remark; tests are KIND:NAME, separated by
spaces. KIND is packet, unit or golden (SUITE.NAME; of golden tests, the file's name), e2e
(FILE/CASE), or vm and long, which scripts/test does not run. The last line says how many rows passed.
"""
import csv
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/threats.md"
HEAD = """# What comes in, and what becomes of it

Bad input, evasion and faults, each with the answer and the test that shows it. Written by
`tests/catalogue.py write` from [tests/catalogue.tsv](../tests/catalogue.tsv); `scripts/lint` checks
that each test is there, `scripts/test` that it ran. [floods.md](floods.md) has what floods did.

| row | what | answer | shown by | remark |
|--|--|--|--|--|
"""
LATER = ("vm", "long", "all")  # kinds that scripts/test does not run


def rows():
    with open(ROOT / "tests/catalogue.tsv", encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row and not row[0].startswith("#"):
                yield row


def gtests(folder):
    for path in (ROOT / "tests" / folder).glob("*.cpp"):
        text = path.read_text(encoding="utf-8")
        for suite, name in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text):
            yield f"{suite}.{name}"


def known():
    """Every test of the tree, as the table names it."""
    names = {f"{kind}:{name}" for kind in ("packet", "unit") for name in gtests(kind)}
    names |= {f"golden:{path.stem}" for path in (ROOT / "tests/golden/errors").glob("*.yaml")}
    for path in (ROOT / "tests/e2e").glob("*_test.sh"):
        for case in re.findall(r"^\s*case_(\w+)\(\)", path.read_text(encoding="utf-8"), re.M):
            for kind in ("e2e", "all"):
                names.add(f"{kind}:{path.name.removesuffix('_test.sh')}/{case}")
    names |= {f"vm:{path.name}" for path in (ROOT / "tests/vm").iterdir()}
    names |= {f"long:{path.name}" for path in (ROOT / "scripts").iterdir()}
    return names


def page():
    lines = [HEAD]
    for number, what, verdict, tests, *remark in rows():
        shown = "<br>".join(f"`{test}`" for test in tests.split())
        cells = [number, what, verdict, shown, *remark]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(lines)


def faults_of(row, names, later):
    if len(row) != 5:
        return [f"{len(row)} columns"]
    tests = row[3].split()
    if not tests:
        return ["no test"]
    return [f"no test '{name}'" for name in tests
            if name not in names and not (later and name.split(":")[0] in LATER)]


def has_passed(names):
    """As the table names them: parameters of a test are not told apart."""
    passed = set()
    for line in names:
        kind, name = line.strip().split(":", 1)
        if "." in name and kind != "e2e":
            suite, test = name.split(".", 1)
            name = f"{suite.split('/')[-1]}.{test.split('/')[0]}"
            if kind == "golden":  # the test's parameter is the file
                name = test.split("/")[-1].replace("_", "-")
        passed.add(f"{kind}:{name}")
    return passed


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "write":
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if what not in ("check", "ran"):
        print(__doc__)
        return 2
    names = known() if what == "check" else has_passed(
        pathlib.Path(sys.argv[2]).read_text(encoding="utf-8").splitlines())
    table, seen, failed = list(rows()), set(), 0
    for row in table:
        faults = faults_of(row, names, what == "ran")
        if row[0] in seen:
            faults.append("the number occurs twice")
        seen.add(row[0])
        failed += bool(faults)
        for fault in faults:
            print(f"catalogue row {row[0]}: {fault}")
    if what == "check" and PAGE.read_text(encoding="utf-8") != page():
        print("docs/threats.md is not up to date: tests/catalogue.py write")
        failed += 1
    print(f"{len(table) - failed} passed, {failed} failed, 0 skipped")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
