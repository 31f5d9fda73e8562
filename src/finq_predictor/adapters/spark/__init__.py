"""Work that outgrows one machine, on a Spark cluster: the same functions, cut by instrument and then by date."""
