"""A scheduler for one machine: it starts the jobs of the schedule as processes and remembers what became of them."""
