"""Demo data: agents, people and forty days of work that never happened but could have."""
