"""The compiled floor of execution: what a decision sees, and how its commands leave."""
