"""The course kit: what students and teachers need, generated from the chapters and a little more.

    python -m course                      # everything, into course/_build
    python -m course run aligned_models   # a student edition with the solutions filled in

The chapters stay the one source: exercises and solutions are found in them by label. What only a
course needs (hints, what an answer consists of, minutes, quizzes, plans) lies in `chapters/` and
`plans.toml`, the self-checks in `self_checks/`.
"""
