"""Sales of shops, forecast with the offers that are planned, and anew after every day.

An offer doubles what is sold, and on the day after it people have enough at home. The week before
knows nothing of that, and an autoregression nothing of plans. With the name of a file some shops
are drawn into it: python examples/forecast_offers.py offers.png
"""

import sys
from datetime import date, timedelta

import numpy as np
import polars

from clew import Forecaster

DAYS, HORIZON, WINDOWS = 28 * 8, 14, 2
draw = np.random.default_rng(0)


def shop(name: str) -> polars.DataFrame:
    """What one shop sold every day, and when it had offers."""
    day = np.arange(DAYS)
    offer = (draw.random(DAYS) < 0.12) * 1.0
    week = 1 + 0.4 * np.sin(2 * np.pi * (day + draw.integers(7)) / 7)
    level = draw.lognormal(3, 1) * np.exp(0.02 * draw.standard_normal(DAYS).cumsum())
    after = np.roll(offer, 1)
    sold = level * week * (1 + offer) * (1 - 0.5 * after) * np.exp(0.1 * draw.standard_normal(DAYS))
    dates = [date(2025, 1, 6) + timedelta(int(d)) for d in day]
    columns = {"unique_id": name, "ds": dates, "offer": offer, "after": after, "y": sold}
    return polars.DataFrame(columns)


sales = polars.concat([shop(f"shop {number}") for number in range(12)])
known = sales.filter(polars.col("ds") < date(2025, 1, 6) + timedelta(DAYS - WINDOWS * HORIZON))

model = Forecaster(
    horizon=HORIZON,
    future=("offer", "after"),
    log=True,
    epochs=10,
    learning_rate=0.01,
    batch_size=8,
)
model.fit(known)
result = model.backtest(sales, windows=WINDOWS)
print(result)
if len(sys.argv) > 1:
    result.picture(sys.argv[1])

live = model.stream("shop 0")
days = sales.filter(polars.col("unique_id") == "shop 0").tail(WINDOWS * HORIZON)
plans = days.select("offer", "after").to_numpy()
print("\nwhat is expected of one day in shop 0, and expected anew as it comes nearer:")
last = days["ds"][HORIZON]
for row, day in enumerate(days["ds"][:HORIZON]):
    quantiles = live.push(days["y"][row], future=plans[row : row + HORIZON + 1])
    ahead = HORIZON - row - 1
    low, middle, high = (quantiles[live.quantiles.index(q), ahead] for q in (0.1, 0.5, 0.9))
    if ahead in (13, 6, 2, 0):
        print(f"{day}, {ahead + 1:2} days ahead: {middle:5.1f}, 80 % in {low:.1f} to {high:.1f}")
print(f"{last}, what came:     {days['y'][HORIZON]:5.1f}")
