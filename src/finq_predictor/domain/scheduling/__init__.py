"""When which job runs: times, rules after a stop, retries. No clock and no process; both lie with who keeps to it."""
