"""An independent, naive reading of the contract, random histories, and checks of both."""
