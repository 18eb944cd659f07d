"""What a file becomes: text, tables, batches with lengths.

- `text`: cutting text into numbered pieces (characters, words, byte pairs)
- `corpus`: running text as one long array of ids, in memory or mapped from disk (`stored`)
- `tables`: labelled texts from tables (`rows`), folders (`folders`) and public sets (`public`)
- `tagged`: sentences with a tag a word, out of columns, CoNLL-U or JSON lines
- `pairs`: sequences with their answers, from tables, JSON lines or two files side by side
- `panel`: many series in one table, all on a grid of dates; `calendar`: what a date says by itself
- `speech`: recordings with their texts; `sound` (`resample`): samples; `features`: log-mel frames
- `teddy`: sentences made to show what only reading both ways can tell
- `batches`: sequences of unequal length side by side
- `files`: reading text so that errors name their place
"""
