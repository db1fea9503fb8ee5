"""The roof: the ``lobsim`` command.  It may import all three packages; nobody imports it."""
