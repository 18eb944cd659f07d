"""Which network for which lag: cells and a window side by side, at one number of parameters.

A letter is shown, others follow, then it is asked for. What the window sees it recalls at once;
what lies further back only a memory can know.
"""

from clew.memory.compare import Plan, compare


def main() -> None:
    """Two lags, three networks, one table each."""
    for lag in (3, 10):
        plan = Plan(
            "probe",
            ("recall",),
            settings={"length": lag, "letters": 4, "before": 2, "learning_rate": 0.02},
            rivals=("window", "gru"),
            budget=2000,
            seeds=1,
            epochs=4,
            window=6,
        )
        found = compare(plan, apart=False)
        print(f"lag {lag}")
        for row in found.rows:
            score = f"{100 * row.mean:.0f} % right"
            print(f"  {row.title:12} {score:>11}, looks back {row.horizons[0]} steps")
        print(f"  {found.words()[0]}")


if __name__ == "__main__":
    main()
