"""What the product knows: pure functions and values, without framework, file, network or clock."""
