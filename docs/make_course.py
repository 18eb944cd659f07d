"""Write docs/course/ anew from the lessons of the course (or print it, with --print)."""

import sys
from pathlib import Path

from clew.course.course import read_course
from clew.course.pages import pages

FOLDER = Path(__file__).parent / "course"

if __name__ == "__main__":
    made = pages(read_course(), FOLDER, FOLDER.parent / "pictures")
    if "--print" in sys.argv[1:]:
        sys.stdout.write("".join(made.values()))
    else:
        FOLDER.mkdir(exist_ok=True)
        for old in set(FOLDER.glob("*.md")) - set(made):
            old.unlink()  # of a lesson that has another name now
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
