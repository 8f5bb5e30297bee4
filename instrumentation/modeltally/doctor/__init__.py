"""Why nothing is seen, and whether anything is lost: each module looks at one place and yields findings."""
