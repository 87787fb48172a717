"""The table: picks the rows, runs them one after another, prints goal, measurement, peer, ratio and verdict."""

import sys

import rows
from timing import Failed, say


def shown(value, unit):
    if value is None:
        return "not measured"
    if unit == "MB":
        return f"{value / 1e6:.0f} MB"
    if unit == "ticks":
        return f"{value} ticks"
    return f"{value * 1000:.1f} ms" if value < 10 else f"{value:.1f} s"


def line(check):
    ratio = "-" if check.ratio is None else f"{check.ratio:.3f}"
    medians = "-" if check.ratio_of_medians is None else f"{check.ratio_of_medians:.3f}"
    cells = (shown(check.measured, check.unit), shown(check.peer, check.unit) if check.has_peer else "-")
    return f"{check.goal:66} {cells[0]:>12} {cells[1]:>12} {ratio:>7} {medians:>8}  {check.verdict}"


def main():
    top, work, *wanted = sys.argv[1:]
    unknown = [name for name in wanted if name not in rows.ROWS]
    if unknown:
        say(f"no row {', '.join(unknown)}; there are {' '.join(rows.ROWS)}")
        return 2
    bench = rows.Bench(top, work)
    header = f"{'goal':66} {'measured':>12} {'peer':>12} {'ratio':>7} {'medians':>8}  verdict"
    checks, printed = [], []
    for name in [name for name in rows.ROWS if not wanted or name in wanted]:
        say(f"row {name}")
        try:
            new = rows.ROWS[name](bench)
        except Failed as failed:
            say(f"{name}: {failed}")
            new = [rows.Check(f"{name}: a command failed", None, None, None)]
        for check in new:
            say(line(check))
        checks += new
        printed += [line(check) for check in new]
    print(f"page cache warm, the least of {bench.n_runs} runs in turn; medians: the ratio of the medians\n")
    print("\n".join([header, *printed]))
    for missing in bench.missing:
        print(f"\nNO PEER: {missing}")
    verdicts = [check.verdict for check in checks]
    return 1 if "MISSED" in verdicts else 2 if "not measured" in verdicts else 0


sys.exit(main())
