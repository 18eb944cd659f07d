"""What each picture of a report shows, in plain words, for who sees it for the first time."""

from __future__ import annotations

EXPLAINED: dict[str, str] = {
    "horizon": (
        "Each point is an experiment: the model may see only so many elements before the one it is "
        "asked at, and the curve tells how much more it then loses than with all of them (beside "
        "it, where the far ones are not hidden, but shuffled or thinned out). Where the curve goes "
        "below the line of epsilon for good, more of the past no longer helps: that is the horizon."
    ),
    "gradient-by-lag": (
        "If what stands tau steps back were changed a little, so much would the model's state "
        "(left) and its loss or answer (middle) change now. Upwards go powers of ten: a straight "
        "line downwards means that a fixed share is lost at each step, a level one that nothing "
        "is. On the right that is weighed with what does stand there: where it is high are the "
        "elements that the answer hangs on, as far as a gradient can tell."
    ),
    "gates": (
        "A gated unit keeps a share of what it holds at every step; the time scale is how many "
        "steps it takes until 37 % are left. On the left all units stand in order of that, the "
        "longest first; on the right is how often each unit's gate is fully open (it keeps all) "
        "and shut (it drops all)."
    ),
    "linear-memory": (
        "A line is fitted that tells from the state alone what was read some steps ago; 1 means "
        "that it always succeeds, 0 that it does no better than a guess. The dotted curve knows "
        "the current element only: what stands above it is memory."
    ),
    "saliency": (
        "One answer of the model, looked at element by element: the black curve is how much of the "
        "answer's score goes when that element alone is replaced by one that says nothing. The "
        "other curves are what gradients claim about the same elements; where they differ, the "
        "black one is what happens. A level black line without points is a stretch that was taken "
        "away as a whole only."
    ),
    "saliency-by-distance": (
        "The same as above, averaged over some cases by how far an element is from the step asked. "
        "The scale is of powers of ten; a curve that falls steeply belongs to a model that mostly "
        "looks at what is near, one with a tooth far to the left to a model that waits for what "
        "stands there."
    ),
    "states": (
        "Each row is a unit, each column an element that was read, the newest on the right; dark "
        "is high, light is low. Long dark or light stretches are units that hold on to something, "
        "and quick changes those that react to the moment."
    ),
    "coloured-text": (
        "This is a text that the model read, coloured by what a single unit held after each "
        "element; point at one to see its number, which the table has too. Stretches of one colour "
        "show what the unit tells apart."
    ),
    "attention": (
        "Dark is where the model looks: each row is a step at which it asks, each column an "
        "element that it may look at, and a row sums to 1. It shows where was looked, not what "
        "decided."
    ),
}
