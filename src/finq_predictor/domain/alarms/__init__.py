"""When somebody has to be told, who, how often and what to do: rules, their evaluation and the policy of telling."""
