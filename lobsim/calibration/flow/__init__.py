"""Order-flow models fitted to recorded days: what `lobsim calibrate flow` does (`lobsim.calibration.flow.calibrate`)."""
