"""How far a market is from a real one: facts of a day, distances to another day, and the page that shows both.

    market order by order -> record (one replay) -> Day -> facts, scores, responses -> report

A day is prepared once (`prepare_day`); everything else is arithmetic on its arrays.  Nothing here knows how a day came about, so recorded and simulated
days go through the same statistics.
"""
