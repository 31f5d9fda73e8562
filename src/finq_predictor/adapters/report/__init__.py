"""Templates of the HTML reports and what renders them."""
