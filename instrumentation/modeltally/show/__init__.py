"""How answers are shown outside this process: values for people, rows for programs."""
